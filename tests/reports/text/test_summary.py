"""What a report says first."""

import math
from typing import Any

import pytest

from reports.analysis.factors import estimate_effects, estimate_interactions
from reports.analysis.study import Study
from reports.records import RunRecord
from reports.text.summary import answer
from tests.reports.conftest import SETTINGS, finished, record


def cell(name: str, mious: list[float], **settings: Any) -> list[RunRecord]:
    return [
        finished(name, seed, miou, settings={**SETTINGS, **settings, "seed": seed})
        for seed, miou in enumerate(mious)
    ]


def said(*runs: list[RunRecord], latency: dict[str, float] | None = None) -> str:
    study = Study(record([run for trials in runs for run in trials]))
    return "\n".join(
        answer(study, estimate_effects(study), estimate_interactions(study), latency or {})
    )


BASE = [0.40, 0.42, 0.44]


def test_a_clear_winner_is_separable_with_its_interval() -> None:
    found = said(cell("base", BASE), cell("new", [0.50, 0.521, 0.541]))

    assert "**new** is best with 52.07 % mIoU (3 seeds), separable from the next, **base**" in found
    assert "(+10.07 points, 95 % interval +9.92 to +10.21)" in found
    assert "Against the baseline" not in found  # it would say the same again


def test_a_difference_within_the_noise_is_not_separable() -> None:
    found = said(
        cell("base", BASE), cell("new", [0.42, 0.42, 0.43]), cell("also", [0.42, 0.41, 0.44])
    )

    assert "but not separable from the next" in found
    assert "**base**: **new** and **also** are not separable from it." in found


def test_one_seed_gives_no_verdict() -> None:
    found = said(cell("base", [0.4]), cell("new", [0.9]), cell("also", [0.8]))

    assert "with fewer than 3 shared seeds that is no verdict" in found
    assert "No cell gets a verdict against **base**" in found
    assert "separable" not in found


def test_better_and_worse_cells_are_named_apart() -> None:
    found = said(
        cell("base", BASE), cell("up", [v + 0.1 for v in BASE]), cell("down", [0.3, 0.32, 0.341])
    )

    assert "**up** (+10.00 points" in found
    assert "is better; **down** (-9.97 points" in found
    assert "is worse." in found


def test_a_setting_is_credited_where_nothing_else_changed() -> None:
    found = said(
        cell("one", BASE, memory_length=1), cell("four", [v + 0.05 for v in BASE], memory_length=4)
    )

    assert "memory_length 4 instead of 1 changes mIoU by +5.00 points" in found


def test_settings_without_effect_are_said_to_have_none() -> None:
    found = said(cell("one", BASE, code=False), cell("four", [0.43, 0.41, 0.44], code=True))

    assert "No setting has an effect that is separable from noise (code)." in found


def test_frontier_goes_from_fast_to_accurate() -> None:
    runs = [cell("base", BASE), cell("slow", [v + 0.1 for v in BASE]), cell("bad", [0.1, 0.1, 0.1])]

    found = said(*runs, latency={"base": 2.0, "slow": 5.0, "bad": 3.0})

    assert "the fastest first: **base** (2.0 ms) and **slow** (5.0 ms)." in found


def test_what_is_missing_is_said() -> None:
    failed = RunRecord("base", 3, "x", "FAILED", settings={})

    found = said([*cell("base", BASE), failed])

    assert "Only **base** has a result: 42.00 % mIoU (3 seeds)." in found
    assert "1 of 4 trials is missing, of **base**." in found


def test_nothing_finished_is_said_and_nothing_else() -> None:
    failed = RunRecord("base", 0, "x", "FAILED", settings={})

    assert said([failed]) == "Nothing can be said yet: no trial has finished."


@pytest.mark.parametrize("name", ["a|b", "<script>", "$x$", "naïve"])
def test_odd_names_are_escaped(name: str) -> None:
    found = said(cell(name, BASE), cell("new", [0.5, 0.52, 0.54]), latency={name: math.nan})

    assert "<script>" not in found
    assert "|" not in found.replace("\\|", "")


def test_long_lists_are_cut() -> None:
    many = [cell(f"c{n}", [v + 0.1 for v in BASE]) for n in range(8)]

    assert "and 5 more" in said(cell("base", BASE), *many)


def test_cell_with_too_few_seeds_is_not_said_to_be_inseparable() -> None:
    found = said(cell("base", BASE), cell("up", [v + 0.1 for v in BASE]), cell("few", [0.41, 0.43]))

    assert "**up** (+10.00 points" in found
    assert "; **few** is without a verdict (fewer than 3 shared seeds)." in found

"""The opening sentences of a report."""

import math
import re
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


def answer_to(*runs: list[RunRecord], latency: dict[str, float] | None = None) -> str:
    study = Study(record([run for trials in runs for run in trials]))
    return "\n".join(
        answer(study, estimate_effects(study), estimate_interactions(study), latency or {})
    )


BASE = [0.40, 0.42, 0.44]


def test_a_clear_winner_is_separable_with_its_interval() -> None:
    text = answer_to(cell("base", BASE), cell("new", [0.50, 0.521, 0.541]))

    assert "**new** scores highest with 52.07 % mIoU (3 seeds), and is separable from" in text
    ends = re.search(r"\*\*base\*\* \(\+10.07 points, 95 % interval (.+) to (.+)\)", text)
    assert ends is not None
    assert [float(end) for end in ends.groups()] == pytest.approx([9.92, 10.21], abs=0.02)
    assert "Compared with the baseline" not in text  # the two are compared already


def test_a_difference_within_the_noise_is_not_separable() -> None:
    text = answer_to(
        cell("base", BASE), cell("new", [0.42, 0.42, 0.43]), cell("also", [0.42, 0.41, 0.44])
    )

    assert "but is not separable from the runner-up" in text
    assert "**base**: **new** and **also** are not separable from it." in text


def test_one_seed_gives_no_verdict() -> None:
    text = answer_to(cell("base", [0.4]), cell("new", [0.9]), cell("also", [0.8]))

    assert "there is no verdict with fewer than 3 shared seeds" in text
    assert "No cell gets a verdict against the baseline, **base**: that takes at least 3" in text
    assert "separable" not in text


def test_better_and_worse_cells_are_named_apart() -> None:
    text = answer_to(
        cell("base", BASE), cell("up", [v + 0.1 for v in BASE]), cell("down", [0.3, 0.32, 0.341])
    )

    assert "**up** (+10.00 points" in text
    assert "is better; **down** (-9.97 points" in text
    assert "is worse." in text


def test_a_setting_is_credited_if_nothing_else_changed() -> None:
    text = answer_to(
        cell("one", BASE, memory_length=1), cell("four", [v + 0.05 for v in BASE], memory_length=4)
    )

    assert "memory_length 4 instead of 1 changes mIoU by +5.00 points" in text


def test_settings_without_a_separable_effect_are_named() -> None:
    text = answer_to(cell("one", BASE, code=False), cell("four", [0.43, 0.41, 0.44], code=True))

    assert "No setting has an effect separable from noise (varied: code)." in text


def test_interacting_settings_are_named_in_pairs() -> None:
    gains = {("a", 1): 0.0, ("a", 4): 0.0, ("b", 1): 0.0, ("b", 4): 0.1}
    runs = [
        cell(f"{head} {memory}", [v + gain for v in BASE], head=head, memory_length=memory)
        for (head, memory), gain in gains.items()
    ]

    text = answer_to(*runs)

    assert "because settings interact: head with memory_length." in text


def test_frontier_goes_from_fast_to_accurate() -> None:
    runs = [cell("base", BASE), cell("slow", [v + 0.1 for v in BASE]), cell("bad", [0.1, 0.1, 0.1])]

    text = answer_to(*runs, latency={"base": 2.0, "slow": 5.0, "bad": 3.0})

    assert "frontier, fastest first: **base** (2.0 ms) and **slow** (5.0 ms)." in text


def test_missing_trials_are_counted() -> None:
    failed = RunRecord("base", 3, "x", "FAILED", settings={})

    text = answer_to([*cell("base", BASE), failed])

    assert "Only **base** has a result: 42.00 % mIoU (3 seeds)." in text
    assert "1 of 4 trials is missing: **base**." in text


def test_without_a_finished_trial_there_is_one_sentence() -> None:
    failed = RunRecord("base", 0, "x", "FAILED", settings={})

    assert answer_to([failed]) == "No results yet: no trial has finished."


@pytest.mark.parametrize("name", ["a|b", "<script>", "$x$", "naïve"])
def test_odd_names_are_escaped(name: str) -> None:
    text = answer_to(cell(name, BASE), cell("new", [0.5, 0.52, 0.54]), latency={name: math.nan})

    assert "<script>" not in text
    assert "|" not in text.replace("\\|", "")


def test_long_lists_are_cut() -> None:
    many = [cell(f"c{n}", [v + 0.1 for v in BASE]) for n in range(8)]

    assert "and 5 more" in answer_to(cell("base", BASE), *many)


def test_cell_with_too_few_seeds_has_no_verdict() -> None:
    text = answer_to(
        cell("base", BASE), cell("up", [v + 0.1 for v in BASE]), cell("few", [0.41, 0.43])
    )

    assert "**up** (+10.00 points" in text
    assert "; **few** is without a verdict (fewer than 3 shared seeds)." in text

"""Studies that grow from look to look: the look that settles each cell."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from reports.analysis.comparison import Comparison, Difference
from reports.analysis.planning.growing import JudgedCell, can_be_replayed, judge_over_looks
from reports.analysis.study import Study
from reports.analysis.verdict import BETTER, INTERIM, NOT_SEPARABLE
from reports.records import ExperimentRecord
from tests.reports.conftest import finished_run, record

LOOKS = (3, 5, 7, 10)
FAST = {"draws": 200, "error_draws": 2000}


def growing(seeds: Mapping[str, int], gain: Mapping[str, float] | None = None) -> ExperimentRecord:
    """Make a study whose cells, the baseline first, have some number of seeds and some gain."""
    rng = np.random.default_rng(0)
    runs = [
        finished_run(cell, seed, 0.5 + (gain or {}).get(cell, 0) + 0.004 * rng.normal())
        for cell, count in seeds.items()
        for seed in range(count)
    ]
    most = max(seeds.values())
    return record(runs, looks=LOOKS, look=LOOKS.index(most) + 1)


def verdict_of(text: str) -> Comparison:
    return Comparison(Difference(0.1, 0.0, 0.2, 0.1, 3, ()), text, 1)


class Script:
    """A judge that says what the test wrote, and notes the families."""

    def __init__(self, better_at: Mapping[str, int]) -> None:
        self.better_at = better_at
        self.families: list[tuple[int, list[str], set[int]]] = []

    def __call__(self, part: ExperimentRecord) -> dict[str, Comparison]:
        self.families.append((part.look, list(part.cells), {run.seed for run in part.runs}))
        return {
            cell: verdict_of(BETTER if self.better_at.get(cell, 9) <= part.look else NOT_SEPARABLE)
            for cell in part.cells
            if cell != part.baseline
        }


def test_settled_cell_leaves_the_family_and_keeps_its_look() -> None:
    judge = Script({"a": 1, "b": 2})

    judged = judge_over_looks(growing({"base": 7, "a": 3, "b": 5, "c": 7}), judge)

    assert judge.families == [
        (1, ["base", "a", "b", "c"], {0, 1, 2}),
        (2, ["base", "b", "c"], set(range(5))),
        (3, ["base", "c"], set(range(7))),
    ]
    assert {cell: (each.look, each.is_settled) for cell, each in judged.items()} == {
        "a": (1, True), "b": (2, True), "c": (3, False),
    }  # fmt: skip


def test_seeds_beyond_the_settling_look_change_nothing() -> None:
    """A teacher is trained on for the sake of its students."""
    judge = Script({"a": 1})

    judged = judge_over_looks(growing({"base": 5, "a": 5, "b": 5}), judge)

    assert judged["a"].look == 1
    assert judge.families[1][1] == ["base", "b"]


def test_open_cell_that_got_no_more_seeds_is_judged_by_those_it_has() -> None:
    judge = Script({})

    judged = judge_over_looks(growing({"base": 5, "a": 3, "b": 5}), judge)

    assert (judged["a"].look, judged["b"].look) == (1, 2)


def test_only_studies_whose_seeds_are_those_of_the_looks_are_replayed() -> None:
    study = growing({"base": 3, "a": 3})
    elsewhere = replace(study, runs=[replace(run, seed=run.seed + 20) for run in study.runs])

    assert can_be_replayed(study)
    assert not can_be_replayed(replace(study, looks=()))
    assert not can_be_replayed(elsewhere)


@pytest.mark.slow
def test_later_seeds_of_the_baseline_do_not_change_a_settled_verdict() -> None:
    gain = {"a": 0.1}
    early = growing({"base": 3, "a": 3, "b": 3}, gain)
    late = growing({"base": 5, "a": 3, "b": 5}, gain)
    scores = {(run.cell, run.seed): run for run in early.runs}
    late = replace(late, runs=[scores.get((run.cell, run.seed), run) for run in late.runs])

    first, second = Study(early, **FAST), Study(late, **FAST)

    assert first.against_baseline["a"].verdict == BETTER
    assert second.against_baseline["a"] == first.against_baseline["a"]
    assert second.judged_cells["b"].look == 2
    assert second.against_baseline["b"].difference.seeds == 5


@pytest.mark.slow
def test_cell_with_a_missing_trial_is_compared_by_the_seeds_it_shares() -> None:
    study = growing({"base": 5, "a": 5})
    runs = [
        replace(run, state="FAILED") if (run.cell, run.seed) == ("a", 1) else run
        for run in study.runs
    ]

    judged = Study(replace(study, runs=runs), **FAST).judged_cells["a"]

    assert judged.comparison is not None
    assert (judged.look, judged.comparison.difference.seeds) == (2, 4)


def test_settled_cell_has_its_verdict_while_others_are_still_trained() -> None:
    study = growing({"base": 5, "a": 3, "b": 5}, {"a": 0.1})
    runs = [
        replace(run, state="RUNNING") if (run.cell, run.seed) == ("b", 4) else run
        for run in study.runs
    ]
    running = Study(replace(study, runs=runs, interim="1 trial has not finished"), **FAST)

    assert running.against_baseline["a"].verdict == BETTER
    assert running.against_baseline["b"].verdict == INTERIM


def test_nothing_is_settled_once_the_plan_has_changed() -> None:
    study = growing({"base": 3, "a": 3}, {"a": 0.1})
    changed = replace(study, interim="the planned seeds changed", has_changed_plan=True)

    assert Study(changed, **FAST).against_baseline["a"].verdict == INTERIM


def test_margin_of_a_reader_does_not_change_the_look() -> None:
    study = growing({"base": 3, "a": 3}, {"a": 0.02})

    wide = Study(study, margin_points=50.0, **FAST)

    assert wide.against_baseline["a"].verdict == "better, by less than 50"
    assert wide.judged_cells["a"].comparison.verdict == BETTER  # type: ignore[union-attr]


@pytest.mark.parametrize("verdict", ["better", "worse", "equivalent within 1"])
def test_verdicts_that_settle(verdict: str) -> None:
    assert JudgedCell(1, verdict_of(verdict)).is_settled
    assert not JudgedCell(1, None).is_settled
    assert not JudgedCell(1, verdict_of(NOT_SEPARABLE)).is_settled

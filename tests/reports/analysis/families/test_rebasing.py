"""A study against another of its cells."""

import math
from dataclasses import replace

import pytest

from reports.analysis.families.rebasing import rebase
from reports.analysis.overview import build_overview
from reports.analysis.study import Study
from reports.records import CellCost, ExperimentRecord, Latency
from tests.reports.conftest import cost, finished_run, record

RUNS = [
    finished_run(cell, seed, miou + seed**2 / 100)
    for cell, miou in (("base", 0.4), ("new", 0.5), ("other", 0.45))
    for seed in range(3)
]
STUDY = record(RUNS, costs={"base": cost(4.0), "new": cost(6.0), "other": cost(12.0)})


def test_cells_are_judged_as_if_the_spec_had_named_the_baseline() -> None:
    rebased = build_overview(Study(rebase(STUDY, "new")))
    named = build_overview(Study(replace(STUDY, baseline="new")))

    assert [row.is_baseline for row in rebased] == [False, True, False]
    assert repr([row.verdict_row for row in rebased]) == repr([row.verdict_row for row in named])


def test_latency_ratios_are_to_the_new_baseline() -> None:
    ratios = {row.cell: row.clip.ratio for row in build_overview(Study(rebase(STUDY, "new")))}

    assert ratios == pytest.approx({"base": 4 / 6, "new": 1, "other": 2})


def test_ratios_over_two_groups_of_turns_go_through_the_old_baseline() -> None:
    """The machine was twice as slow while the group of `other` took turns, which ratios undo."""
    slow = CellCost(Latency(24.0, None, [24.0] * 3, [8.0] * 3))
    study = replace(STUDY, costs={**STUDY.costs, "other": slow})

    rows = {row.cell: row for row in build_overview(Study(rebase(study, "new")))}

    assert rows["other"].clip.ratio == pytest.approx((24 / 8) / (6 / 4))


@pytest.mark.parametrize(
    "costs",
    [
        pytest.param({"base": cost(4.0), "other": cost(12.0)}, id="new baseline not measured"),
        pytest.param(
            {**STUDY.costs, "new": CellCost(Latency(6.0, None, [6.0] * 2, [4.0] * 2))},
            id="in other rounds",
        ),
    ],
)
def test_ratio_is_unknown_without_rounds_of_the_new_baseline(costs: dict[str, CellCost]) -> None:
    rows = build_overview(Study(rebase(replace(STUDY, costs=costs), "new")))

    ratios = [row.clip.ratio for row in rows if row.cell == "other"]
    assert all(map(math.isnan, ratios))


def test_second_measurement_of_the_old_baseline_is_left_out() -> None:
    twice = Latency(4.0, None, [4.0] * 3, [4.0] * 3, repeated_rounds_ms=[4.2] * 3)
    study = replace(STUDY, costs={**STUDY.costs, "base": CellCost(twice)})

    rows = build_overview(Study(rebase(study, "new")))

    assert all(math.isnan(row.clip.noise) for row in rows)


def test_baseline_is_changed_only_once() -> None:
    """Latencies beside the own baseline are lost, and the report would call another one its own."""
    rebased = rebase(STUDY, "other")

    assert rebased.own_baseline == "base"
    assert rebase(rebased, "other") is rebased
    for baseline in ("base", "new"):
        with pytest.raises(ValueError, match="compares with 'other' already.*own baseline 'base'"):
            rebase(rebased, baseline)


@pytest.mark.parametrize("study", [STUDY, replace(STUDY, description="")])
def test_own_baseline_changes_nothing(study: ExperimentRecord) -> None:
    assert rebase(study, "base") is study


def test_unknown_cell_is_named() -> None:
    with pytest.raises(ValueError, match="no cell 'nwe' .choose from 'base', 'new', 'other'."):
        rebase(STUDY, "nwe")

"""The numbers in the report's tables."""

import math

import pytest

from reports.analysis.overview import (
    CellRow,
    average_class_iou,
    build_overview,
    build_trial_table,
)
from reports.analysis.study import Study
from reports.records import ExperimentRecord, RunRecord
from tests.reports.conftest import finished_run, record


def rows_of(experiment: ExperimentRecord) -> dict[str, CellRow]:
    return {row.cell: row for row in build_overview(Study(experiment))}


def test_row_of_a_cell_has_all_its_numbers(study: ExperimentRecord) -> None:
    base, new = build_overview(Study(study))

    assert (base.cell, base.score.n, base.difference) == ("base", 3, 0)
    assert (base.is_baseline, base.verdict_row.verdict) == (True, "baseline")
    assert (base.clip.ratio, base.streaming.median_ms) == (1, 2.0)
    assert new.score.mean == pytest.approx(0.51)
    assert new.score.std == pytest.approx(0.01)
    assert new.difference == pytest.approx(0.09)
    assert new.relative_difference == pytest.approx(0.09 / 0.42)
    assert new.relative_train_seconds == pytest.approx(0.5)
    assert new.verdict_row.verdict == "better"
    assert new.interval[0] < 0.09 < new.interval[1]
    assert (new.clip.median_ms, new.clip.p95_ms, new.clip.ratio) == (6.0, 7.0, 1.5)
    assert (new.gflops, new.memory_mib) == (12.5, 64.0)
    assert new.parameters == 2_000_000


def test_cell_without_a_result_has_a_row_without_numbers() -> None:
    failed_trial = RunRecord("new", 0, "x", "FAILED", {}, message="bad luck")

    row = rows_of(record([finished_run("base", 0, 0.4), failed_trial]))["new"]

    assert row.score.n == 0
    assert row.verdict_row.verdict == "no verdict"
    assert all(
        math.isnan(value)
        for value in (row.score.mean, row.difference, row.train_seconds, row.parameters)
    )


def test_mean_of_a_cell_needs_no_result_of_the_baseline() -> None:
    failed_trial = RunRecord("base", 0, "x", "FAILED", {})

    row = rows_of(record([failed_trial, finished_run("new", 0, 0.4)]))["new"]

    assert row.score.mean == 0.4
    assert math.isnan(row.difference)


def test_failed_seed_is_left_out_of_the_mean() -> None:
    runs = [
        finished_run("base", 0, 0.4),
        RunRecord("base", 1, "x", "FAILED", {}),
        finished_run("base", 2, 0.6),
    ]

    row = rows_of(record(runs))["base"]

    assert (row.score.mean, row.score.n) == (pytest.approx(0.5), 2)


def test_class_means_leave_out_seeds_where_the_class_does_not_occur() -> None:
    runs = [
        finished_run("base", 0, 0.4, iou={"road": 0.8}),
        finished_run("base", 1, 0.4, iou={"road": 0.6, "sky": 0.2}),
    ]

    means = average_class_iou(record(runs))["base"]

    assert list(means) == ["road", "sky"]
    assert means["road"] == pytest.approx(0.7)
    assert means["sky"] == pytest.approx(0.2)


def test_trial_table_holds_every_trial_and_setting(study: ExperimentRecord) -> None:
    failed = RunRecord("new", 3, "lost", "FAILED", {"steps": 10}, message="bad luck")

    table = build_trial_table(record([*study.runs, failed]))

    assert len(table) == 7
    assert not table.columns.duplicated().any()
    assert table.iloc[0]["miou"] == 0.40
    assert table.iloc[0]["iou/road"] == 0.40
    assert table.iloc[-1]["message"] == "bad luck"
    assert table.iloc[-1]["steps"] == 10


def test_row_has_the_published_results_of_its_cell() -> None:
    published = {"base": {"miou": 0.7541, "train_seconds": 52953.0}}

    row = rows_of(record([finished_run("base", 0, 0.4)], published=published))["base"]

    assert (row.published_miou, row.published_seconds) == (0.7541, 52953.0)


def test_results_of_the_paper_give_its_percentages() -> None:
    """The paper prints accuracy, and training time as D-HH:MM:SS; records hold seconds."""
    cells = {
        "TMANet": (0.7541, 52953.0),
        "APNB-TMANet": (0.7528, 49911.0),
        "Asym-TMANet": (0.7618, 66018.0),
    }
    runs = [
        finished_run(cell, 0, miou, train_seconds=seconds)
        for cell, (miou, seconds) in cells.items()
    ]

    rows = rows_of(record(runs))

    assert {cell: round(100 * row.relative_difference, 3) for cell, row in rows.items()} == {
        "TMANet": 0.0, "APNB-TMANet": -0.172, "Asym-TMANet": 1.021,
    }  # fmt: skip
    assert round(100 * rows["APNB-TMANet"].relative_train_seconds, 3) == -5.745
    assert round(100 * rows["Asym-TMANet"].relative_train_seconds, 2) == 24.67
    assert build_trial_table(record(runs))["train_time"].tolist() == [
        "0-14:42:33", "0-13:51:51", "0-18:20:18",
    ]  # fmt: skip


def test_memory_with_the_current_frame_takes_as_much_longer_as_in_the_paper() -> None:
    runs = [
        finished_run(cell, 0, 0.7, train_seconds=s) for cell, s in (("4", 49911), ("3+1", 65728))
    ]

    row = rows_of(record(runs))["3+1"]

    assert round(100 * row.relative_train_seconds, 1) == 31.7

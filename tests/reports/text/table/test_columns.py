"""The columns of the main table, wherever it is printed."""

import math
from collections.abc import Sequence

import numpy as np
import pytest

from reports.analysis.overview import CellRow, build_overview
from reports.analysis.study import Study
from reports.records import CellCost, ExperimentRecord, Latency, RunRecord
from reports.text.format import MISSING
from reports.text.table.columns import (
    COLUMNS,
    more_report_columns,
    orders,
    paper_columns,
    report_columns,
    sort_rows,
    terminal_columns,
)
from tests.reports.conftest import finished_run, record


def rows_of(experiment: ExperimentRecord) -> Sequence[CellRow]:
    """Return the main table of an experiment."""
    return build_overview(Study(experiment))


def test_headings_and_orders_are_unique() -> None:
    for names in (
        [column.report for column in COLUMNS if column.report],
        [column.paper for column in COLUMNS if column.paper],
        [column.terminal for column in COLUMNS if column.terminal],
        [column.order.name for column in COLUMNS if column.order],
    ):
        assert len(names) == len(set(names))


def test_columns_that_would_be_empty_are_left_out(study: ExperimentRecord) -> None:
    clip_only = {cell: CellCost(Latency(4.0, 5.0)) for cell in study.cells}

    all_columns = more_report_columns(rows_of(study))
    columns = more_report_columns(rows_of(record(study.runs, costs=clip_only)))

    assert [heading for heading in all_columns if heading not in columns] == [
        "streaming latency, ms", "p95 of streaming latency, ms", "streaming latency, ratio",
        "GFLOPs", "peak inference memory, MiB",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("latency", "text"),
    [
        (Latency(4.0, 5.0), "5.00"),
        (Latency(4.0, 5.0, process_p95_ms=[5.0, 5.0, 5.0]), "5.00 (5.00 to 5.00)"),
    ],
)
def test_percentile_and_its_range_are_printed_if_measured(
    study: ExperimentRecord, latency: Latency, text: str
) -> None:
    rows = rows_of(record(study.runs, costs={"base": CellCost(latency)}))

    assert report_columns(rows)["clip latency, ms"](rows[0]) == "4.00"
    assert more_report_columns(rows)["p95 of clip latency, ms"](rows[0]) == text


def test_published_results_have_their_own_columns(study: ExperimentRecord) -> None:
    published = {"base": {"miou": 0.7541}}

    columns = more_report_columns(rows_of(record(study.runs, published=published)))

    assert "published mIoU % (different protocol)" in columns
    assert "published training time" not in columns


def test_paper_and_terminal_print_names_as_they_are() -> None:
    rows = rows_of(record([finished_run("a|b", 0, 0.4)]))

    for columns in (paper_columns(rows), terminal_columns()):
        assert columns["cell"](rows[0]) == "a|b"
        assert columns["verdict"](rows[0]) == "baseline"


def trial_with_counts(cell: str, seed: int, right: int) -> RunRecord:
    """Make a trial that gets about this many of 100 pixels right in each of 6 frames."""
    hits = right + 3 * np.arange(6) + (np.arange(6) * right) % 7
    counts = np.stack([np.stack([hits, 100 - hits], 1), np.stack([100 - hits, hits], 1)], 1)
    frames = [f"{sequence}/1" for sequence in "abcdef"]
    fields = {"frames": frames, "classes": ["road", "sky"], "confusions": counts.astype(np.int64)}
    return finished_run(cell, seed, hits.sum() / (1200 - hits.sum()), **fields)


def test_heading_says_that_intervals_of_one_seed_cover_the_test_set_only() -> None:
    rows = rows_of(record([trial_with_counts("base", 0, 50), trial_with_counts("new", 0, 61)]))

    assert "difference, points (95 % interval, test set only)" in report_columns(rows)
    assert "difference, points (95 % interval)" not in report_columns(rows)
    assert "95 % interval, test set only" in paper_columns(rows)
    assert "95 % interval" not in paper_columns(rows)


def test_heading_states_the_confidence_of_intervals_at_planned_looks() -> None:
    runs = [
        finished_run(cell, seed, miou + 0.01 * (seed % 3) * (1 + (cell == "new")))
        for cell, miou in (("base", 0.40), ("new", 0.45))
        for seed in range(3)
    ]
    rows = rows_of(record(runs, looks=(3, 5, 7, 10), look=1))
    confidence = rows[1].verdict_row.confidence

    assert 0.96 < confidence < 0.999
    assert f"difference, points ({100 * confidence:.1f} % interval)" in report_columns(rows)
    assert f"{100 * confidence:.1f} % interval" in paper_columns(rows)


def test_interval_of_one_seed_is_marked_in_a_table_of_several() -> None:
    runs = [
        trial_with_counts(cell, seed, right + seed * (right % 5))
        for cell, right in (("base", 50), ("new", 61))
        for seed in range(3)
    ]
    rows = rows_of(record([*runs, trial_with_counts("few", 0, 55)]))

    column = report_columns(rows)["difference, points (95 % interval)"]

    assert column(rows[2]).endswith("), test set only")
    assert "test set only" not in column(rows[1])


def test_main_table_has_the_columns_that_fit_on_a_page(study: ExperimentRecord) -> None:
    assert list(report_columns(rows_of(study))) == [
        "cell", "mIoU %, mean ± s.d. (seeds)", "difference, points (95 % interval)", "verdict",
        "clip latency, ms", "training time",
    ]  # fmt: skip


def test_interval_of_two_seeds_is_a_dash() -> None:
    rows = rows_of(
        record([finished_run(c, s, 0.4 + s * n) for n, c in enumerate("ab") for s in (0, 1)])
    )

    assert not math.isnan(rows[1].interval[0])
    assert report_columns(rows)["difference, points (95 % interval)"](rows[1]) == "+50.00"
    assert paper_columns(rows)["95 % interval"](rows[1]) == MISSING


def test_share_of_being_best_has_a_column_that_says_what_is_drawn() -> None:
    few = [trial_with_counts("base", 0, 50), trial_with_counts("new", 0, 61)]
    more = [
        trial_with_counts(c, s, r + s * (r % 5))
        for c, r in (("base", 50), ("new", 61))
        for s in (0, 1)
    ]
    unknown = [finished_run("base", 0, 0.4), finished_run("new", 0, 0.5)]

    headings = [
        [heading for heading in more_report_columns(rows_of(record(runs))) if "best" in heading]
        for runs in (more, few, unknown)
    ]

    assert headings == [["best, % of draws"], ["best, % of draws, test set only"], []]


def test_share_of_being_best_is_a_dash_for_a_cell_without_a_score(study: ExperimentRecord) -> None:
    rows = rows_of(record([*study.runs, RunRecord("lost", 0, "x", "FAILED", {})]))

    column = more_report_columns(rows)["best, % of draws"]

    first, second = float(column(rows[0])), float(column(rows[1]))
    assert first + second == pytest.approx(100, abs=0.11)
    assert column(rows[2]) == MISSING


def test_relative_difference_is_based_on_the_compared_means() -> None:
    """The best seed of the baseline is one that the other cell lacks."""
    runs = [finished_run("base", seed, miou) for seed, miou in enumerate([0.40, 0.42, 0.70])]
    runs += [finished_run("new", seed, miou) for seed, miou in enumerate([0.45, 0.47])]

    row = rows_of(record(runs))[1]

    assert row.score.mean < 0.4 + (0.02 + 0.70 - 0.40) / 3  # the plain mean is lower
    assert row.difference == pytest.approx(0.05)
    assert row.relative_difference == pytest.approx(0.05 / mean_of_first_cell(runs))


def mean_of_first_cell(runs: Sequence[RunRecord]) -> float:
    """Return the mean of the first cell, which lacks no seed."""
    scores = [run.metrics["miou"] for run in runs if run.cell == runs[0].cell]
    return sum(scores) / len(scores)


def test_rows_without_a_value_come_last_in_every_order() -> None:
    failed = RunRecord("lost", 0, "x", "FAILED", {})
    rows = rows_of(record([failed, finished_run("a", 0, 0.4), finished_run("b", 0, 0.5)]))

    for name in ("miou", "training-time"):
        assert [row.cell for row in sort_rows(rows, name)][-1] == "lost"
    assert [row.cell for row in sort_rows(rows, "cell")] == ["a", "b", "lost"]


def test_equal_rows_keep_the_order_of_the_spec() -> None:
    rows = rows_of(record([finished_run(cell, 0, 0.4) for cell in "cab"]))

    for name in set(orders()) - {"cell"}:
        assert [row.cell for row in sort_rows(rows, name)] == ["c", "a", "b"], name
    assert list(sort_rows(rows, None)) == list(rows)


@pytest.mark.slow
def test_every_order_has_a_value_in_a_complete_row(study: ExperimentRecord) -> None:
    for name, order in orders().items():
        value = order.value(rows_of(study)[1])
        assert isinstance(value, str) or not math.isnan(value), name

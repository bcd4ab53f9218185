"""The columns of the main table, wherever it is printed."""

import math
from collections.abc import Sequence

import pytest

from reports.analysis.overview import CellRow, build_overview
from reports.analysis.study import Study
from reports.records import CellCost, ExperimentRecord, Latency, RunRecord
from reports.text.columns import (
    COLUMNS,
    orders,
    paper_columns,
    report_columns,
    sort_rows,
    terminal_columns,
)
from tests.reports.conftest import finished, record


def rows_of(experiment: ExperimentRecord) -> Sequence[CellRow]:
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

    whole = report_columns(rows_of(study))
    few = report_columns(rows_of(record(study.runs, costs=clip_only)))

    assert [heading for heading in whole if heading not in few] == [
        "streaming latency, ms (p95)", "streaming latency, ratio", "GFLOPs",
        "peak inference memory, MiB",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("latency", "text"),
    [
        (Latency(4.0, None), "4.00"),
        (Latency(4.0, 5.0), "4.00 (5.00)"),
        (Latency(4.0, 5.0, process_p95_ms=[5.0, 5.0, 5.0]), "4.00 (5.00, 5.00 to 5.00)"),
    ],
)
def test_percentile_is_printed_as_far_as_it_was_measured(
    study: ExperimentRecord, latency: Latency, text: str
) -> None:
    rows = rows_of(record(study.runs, costs={"base": CellCost(latency)}))

    assert report_columns(rows)["clip latency, ms (p95)"](rows[0]) == text


def test_published_figures_have_columns_of_their_own(study: ExperimentRecord) -> None:
    published = {"base": {"miou": 0.7541}}

    columns = report_columns(rows_of(record(study.runs, published=published)))

    assert "published mIoU % (other protocol)" in columns
    assert "published training time" not in columns


@pytest.mark.parametrize("columns", [paper_columns(), terminal_columns()])
def test_paper_and_terminal_print_names_as_they_are(columns) -> None:  # type: ignore[no-untyped-def]
    rows = rows_of(record([finished("a|b", 0, 0.4)]))

    assert columns["cell"](rows[0]) == "a|b"
    assert columns["verdict"](rows[0]) == "baseline"


def test_rows_without_a_value_come_last_whichever_way_they_are_sorted() -> None:
    lost = RunRecord("lost", 0, "x", "FAILED", {})
    rows = rows_of(record([lost, finished("a", 0, 0.4), finished("b", 0, 0.5)]))

    for name in ("miou", "training-time"):
        assert [row.cell for row in sort_rows(rows, name)][-1] == "lost"
    assert [row.cell for row in sort_rows(rows, "cell")] == ["a", "b", "lost"]


def test_equal_rows_stay_in_the_order_of_the_spec() -> None:
    rows = rows_of(record([finished(cell, 0, 0.4) for cell in "cab"]))

    for name in set(orders()) - {"cell"}:
        assert [row.cell for row in sort_rows(rows, name)] == ["c", "a", "b"], name
    assert list(sort_rows(rows, None)) == list(rows)


def test_every_order_finds_its_value_in_a_row(study: ExperimentRecord) -> None:
    for name, order in orders().items():
        value = order.value(rows_of(study)[1])
        assert isinstance(value, str) or not math.isnan(value), name

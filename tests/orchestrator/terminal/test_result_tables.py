"""Results as tables on a terminal."""

import io

from rich.console import Console

from orchestrator.terminal.result_tables import result_table
from reports.records import ExperimentRecord, RunRecord


def test_table_keeps_its_numbers_at_80_columns() -> None:
    name = "a cell with quite a long name, longer than its column"
    run = RunRecord(
        name, 0, "t", "FINISHED", {}, metrics={"miou": 0.5}, train_seconds=2.5, scored_split="test"
    )
    console = Console(width=80, record=True, file=io.StringIO())

    console.print(result_table(ExperimentRecord("study", "why", name, [name], [run])))

    text = console.export_text()
    assert "study: mIoU on test" in text
    assert "50.00 (1)" in text
    assert "0-00:00:02" in text
    assert "\u2026" not in text  # nothing is cut

"""The table of real faults."""

from typing import Any

from tests.faults.results import summarise, tabulate


def _row(fault: str, **changes: Any) -> dict[str, Any]:
    row = {"fault": fault, "faults": 1, "submits": 1, "recovery_seconds": 2.0, "seconds": 30.0}
    return {**row, "violations": [], **changes}


def test_each_fault_has_a_line_with_its_extremes_and_the_undisturbed_round_comes_first() -> None:
    rows = [
        _row("kill worker", recovery_seconds=4.2),
        _row("none", faults=0, recovery_seconds=None),
        _row("kill worker", recovery_seconds=9.8, submits=2, seconds=61.0),
    ]

    lines = tabulate(rows).splitlines()

    assert lines[2:] == [
        "| none | 1 | 0 | 1 | 1 |  | 30 |",
        "| kill worker | 2 | 2 | 2 | 1 to 2 | 4 to 10 | 30 to 61 |",
        "| **all** | 3 | 2 | 3 | 1 to 2 | 4 to 10 | 30 to 61 |",
    ]


def test_summary_counts_rounds_that_broke_a_promise() -> None:
    rows = [_row("kill driver"), _row("full disk", violations=["an attempt has no end"])]

    assert summarise(rows) == "2 rounds, 2 faults: 1 rounds broke a promise"
    assert summarise(rows[:1]) == "1 rounds, 1 faults: all promises kept"

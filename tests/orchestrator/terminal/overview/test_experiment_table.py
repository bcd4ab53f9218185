"""All experiments as a table on a terminal."""

from datetime import UTC, datetime
from typing import Any

from orchestrator.ledger.entries import ExperimentStatus, State
from orchestrator.terminal.overview.experiment_table import build_experiment_table
from tests.orchestrator.terminal.test_trial_tables import text


def experiment(name: str = "study", **changes: Any) -> ExperimentStatus:
    return ExperimentStatus(name, "", "", "a", None, datetime.now(UTC), **changes)


def test_experiments_show_their_number_of_trials_in_each_state() -> None:
    counts = {State.FAILED: 3, State.FINISHED: 12}

    lines = text(build_experiment_table([experiment(counts=counts)], {})).splitlines()

    assert lines[0].split() == ["experiment", "pending", "running", "finished", "failed"]
    assert lines[1].split() == ["study", "12", "3"]


def test_experiment_shows_its_driver_priority_and_time_left() -> None:
    busy = experiment("busy", drivers=["host (process 7)"], priority=2)

    table = text(build_experiment_table([experiment(), busy], {"busy": 65.0}))

    assert "time left  priority  driver" in table
    assert table.splitlines()[-1].endswith("1:05         2  host (process 7)")


def test_columns_are_aligned() -> None:
    table = text(build_experiment_table([experiment("a"), experiment("a long name")], {}))

    assert "a            \n" not in table
    assert table.splitlines()[0].index("pending") > len("a long name")


def test_empty_ledger_says_how_to_start() -> None:
    assert "no experiments yet" in text(build_experiment_table([], {}))

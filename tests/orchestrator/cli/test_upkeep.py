"""Commands that try trials again, delete experiments and clean the storage."""

import os
from pathlib import Path
from typing import Any

import pytest

from orchestrator.ledger.entries import State
from orchestrator.settings import Settings
from orchestrator.stores import Stores
from tests.orchestrator.conftest import Terminal, assert_one_line
from tests.orchestrator.ledger.conftest import STUDY, ids, members
from tests.orchestrator.ledger.test_driver import change_driver, make_lost_driver
from tests.orchestrator.upkeep.conftest import stores
from vss.profiling.latency_measurement import CellLatency, FormLatency, LatencyMeasurement

__all__ = ["stores"]


@pytest.fixture
def _ended_trials(stores: Stores) -> None:
    """End trial 2 as failed and trial 3 as cancelled; add both to `study`."""
    stores.ledger.add(STUDY, members(0, 1, 2, 3))
    with stores.ledger.driver() as driver:
        failed, cancelled = driver.claim(ids(2, 3))
        driver.end(failed, State.FAILED, "bad image", None)
        driver.end(cancelled, State.CANCELLED, None, None)


def states(stores: Stores) -> list[State]:
    return [trial.state for trial in stores.ledger.trials("study")[2:]]


@pytest.mark.slow
@pytest.mark.usefixtures("_ended_trials")
def test_retry_makes_failed_and_cancelled_trials_pending(run: Any, stores: Stores) -> None:
    only_failed = run("retry", "study", "--failed")
    states_after_failed = states(stores)
    both = run("retry", "study")
    again = run("retry", "study")

    assert only_failed.out == "1 trial of 'study' now PENDING; submit its spec to continue\n"
    assert states_after_failed == [State.PENDING, State.CANCELLED]
    assert both.out.startswith("1 trial of 'study'")
    assert states(stores) == [State.PENDING, State.PENDING]
    assert stores.ledger.trials("study")[2].message is None
    assert (again.code, again.out) == (0, "no trial of 'study' is FAILED or CANCELLED\n")


@pytest.mark.slow
def test_retry_has_latency_measured_again(run: Any, stores: Stores) -> None:
    assert_one_line(run("retry", "study", "--latency", "--failed"), "leave out --failed")
    unmeasured = run("retry", "study", "--latency")
    run_id = stores.ledger.experiment("study").run_id
    assert run_id is not None
    clip = FormLatency(median_ms=1, p95_ms=None, rounds_ms=[1], baseline_rounds_ms=[])
    network = {"precision": "fp32", "parameters": 1, "gflops": 1, "peak_memory_mib": 1}
    cell = CellLatency(trial_id="0123456789ab", clip=clip, **network)
    stores.tracker.log_latency(run_id, LatencyMeasurement(cells={"a": cell}))

    measured = run("retry", "study", "--latency")

    assert_one_line(unmeasured, "MLflow at .* has no latency of 'study'; submit its spec")
    assert "latency of 'study' is measured again when its spec is submitted" in measured.out
    assert stores.tracker.read_latency(run_id) == LatencyMeasurement()


@pytest.mark.slow
@pytest.mark.parametrize("command", ["retry", "delete"])
def test_unknown_experiment_is_named(run: Any, stores: Stores, command: str) -> None:
    result = run(command, "studdy")

    assert result.code == 2
    assert_one_line(result, "'studdy'.*did you mean 'study'")


@pytest.mark.slow
def test_delete_asks_first(run: Any, stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    without_terminal = run("delete", "study")
    monkeypatch.setattr("sys.stdin", Terminal("n\n"))
    refused = run("delete", "study")

    assert_one_line(without_terminal, "there is no terminal to ask on: add --yes")
    assert "Delete experiment 'study' with 2 trials (1 more that other" in refused.out
    assert refused.code == 1
    assert len(stores.ledger.experiments()) == 2


@pytest.mark.slow
def test_delete_says_what_it_deleted_and_where_the_report_is(
    run: Any, stores: Stores, settings: Settings
) -> None:
    settings.report_folder("study").mkdir(parents=True)

    result = run("delete", "study", "--yes")

    assert (result.code, result.out.splitlines()) == (
        0,
        [
            "deleted experiment 'study' with 2 trials",
            f"its report stays in {settings.report_folder('study')}",
        ],
    )


@pytest.mark.slow
def test_delete_says_which_runs_it_could_not_delete(
    run: Any, stores: Stores, settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    other_store = f"sqlite:///{tmp_path / 'other.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", other_store)

    result = run("delete", "study", "--yes")

    assert result.code == 0
    assert f"not deleted: 2 runs, which MLflow at {other_store} does not have" in result.out


@pytest.mark.slow
def test_clean_lists_and_removes_leftovers(run: Any, stores: Stores, settings: Settings) -> None:
    stores.ledger.add(STUDY, members(0, 2))

    dry_run = run("clean", "--dry-run")
    cleaning = run("clean", "--yes")
    again = run("clean")

    assert ids(1)[0] in dry_run.out
    assert dry_run.out.splitlines()[-1] == "1 directory, 0.0 MB; nothing was removed"
    assert cleaning.out.splitlines()[-1] == "removed 1 of 1 directory"
    assert again.out == f"nothing to remove in {settings.storage}\n"


@pytest.mark.slow
def test_clean_clears_what_killed_submits_left(
    run: Any, stores: Stores, settings: Settings
) -> None:
    stores.ledger.add(STUDY, members(0, 1, 2))
    make_lost_driver(stores.ledger)
    change_driver(settings.ledger_url, pid=2**22 - 3)  # no such process
    order = settings.orders / "job.json"
    order.parent.mkdir()
    order.write_text("{}")
    os.utime(order, (0, 0))

    result = run("clean")

    assert result.out.splitlines()[:2] == [
        "removed 1 file that killed processes left behind",
        "forgot 1 submit that had been killed",
    ]
    assert not order.exists()

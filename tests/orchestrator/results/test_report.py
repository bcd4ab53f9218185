"""From ledger and MLflow to records; a small stand-in plays the tracking store."""

import dataclasses
import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from rich.console import Console

from orchestrator.ledger.ledger import ExperimentStatus, Ledger, Member, State, TrialStatus
from orchestrator.results.report import build, records, result_table
from orchestrator.settings import Settings
from orchestrator.tracking.tracker import RunContent, Tracker
from tests.conftest import tiny
from vss.errors import UserError
from vss.profiling.latency_measurement import CellLatency, FormLatency, LatencyMeasurement

CONFIG = tiny()
MEASURED = RunContent(
    metrics={
        "miou": 0.5, "iou/Sky": 0.9, "train_seconds": 2.5, "parameters": 1000.0,
        "scored_frames": 8.0, "train/loss": 0.1, "val/miou": 0.4,
    },
    tags={"scored_split": "test", "data_fingerprint": "f" * 64, "device": "a CPU", "mlflow.x": "y"},
)  # fmt: skip


class Store(Tracker):
    """A tracking store that holds what it was made with."""

    def __init__(
        self, runs: dict[str, RunContent], latency: LatencyMeasurement | None = None
    ) -> None:
        self._runs, self._latency = runs, latency or LatencyMeasurement()
        self.files: dict[str, bytes] = {}

    def read_runs(self, run_ids: Any) -> dict[str, RunContent]:
        return {name: run for name, run in self._runs.items() if name in run_ids}

    def read_file(self, run_id: str, content: RunContent, name: str) -> bytes | None:
        return self.files.get(name)

    def latency(self, run_id: str | None) -> LatencyMeasurement:
        return self._latency


def experiment() -> ExperimentStatus:
    return ExperimentStatus("study", "why", "name: study", "a", "parent", datetime.now(UTC))


def trial(cell: str = "a", run_id: str | None = "run", **changes: Any) -> TrialStatus:
    known = TrialStatus(
        CONFIG.trial_id, cell, 0, CONFIG.settings(), State.FINISHED, 1, None, run_id, 4, None, None,
        0, None, None,
    )  # fmt: skip
    return dataclasses.replace(known, **changes)


def test_record_is_what_was_measured() -> None:
    (run,) = records(experiment(), [trial()], Store({"run": MEASURED})).runs

    assert run.metrics == {"miou": 0.5}
    assert run.iou == {"Sky": 0.9}
    assert (run.train_seconds, run.parameters, run.scored_frames) == (2.5, 1000, 8)
    assert run.environment == {"device": "a CPU"}
    assert (run.scored_split, run.data_fingerprint) == ("test", "f" * 64)


def test_cells_stand_in_the_order_of_the_spec() -> None:
    found = records(experiment(), [trial("b"), trial("a"), trial("b")], Store({"run": MEASURED}))

    assert found.cells == ["b", "a"]
    assert (found.name, found.description, found.baseline) == ("study", "why", "a")
    assert found.source == "name: study"


def test_latency_of_a_cell_is_joined_in() -> None:
    clip = FormLatency(median_ms=7.0, p95_ms=9.0, rounds_ms=[7.0], baseline_rounds_ms=[])
    cell = CellLatency(
        trial_id="t", precision="fp32", parameters=1, gflops=2.5, peak_memory_mib=3.0, clip=clip
    )
    latency = LatencyMeasurement(conditions={"device": "a CPU"}, cells={"a": cell})

    record = records(experiment(), [trial("a"), trial("b")], Store({"run": MEASURED}, latency))

    assert {cell: c.clip.median_ms for cell, c in record.costs.items() if c.clip} == {"a": 7.0}
    assert record.costs["a"].memory_mib == 3.0
    assert record.latency_conditions == {"device": "a CPU"}


def test_failed_trial_has_its_message_and_no_numbers() -> None:
    failed = trial(state=State.FAILED, message="bad image")

    (run,) = records(experiment(), [failed], Store({"run": MEASURED})).runs

    assert (run.state, run.message, run.metrics) == ("FAILED", "bad image", {})


def test_finished_trial_whose_run_is_gone_says_so() -> None:
    (run,) = records(experiment(), [trial()], Store({})).runs

    assert (run.state, run.message) == ("DELETED", "its MLflow run was deleted")


def test_damaged_files_of_a_run_are_named_and_the_rest_is_kept() -> None:
    store = Store({"run": MEASURED})
    store.files = {"frames.npz": b"PK broken", "curves.csv": b"garbage\n1,2\n"}

    (run,) = records(experiment(), [trial()], store).runs

    assert run.state == "FINISHED"
    assert run.metrics == {"miou": 0.5}
    assert (run.confusions, run.curves) == (None, {})
    assert run.message is not None
    assert run.message.startswith("frames.npz is damaged (")
    assert "; curves.csv is damaged (KeyError: 'curve')" in run.message


def test_frames_are_read_of_the_seed_that_a_cell_shares_with_the_baseline() -> None:
    """Of cell b, seed 0 is not there: seed 1 of both is what can be compared."""
    read = []

    class Sampled(Store):
        def read_file(self, run_id: str, content: RunContent, name: str) -> bytes | None:
            if name == "samples.npz":
                read.append(run_id)
            return None

    ids = ["a0", "a1", "b1", "b2", "c0"]
    trials = [trial(each[0], each, trial_id=each, seed=int(each[1])) for each in ids]

    records(experiment(), trials, Sampled(dict.fromkeys(ids, MEASURED)), pictures=True)

    assert sorted(read) == ["a0", "a1", "b1", "c0"]


def test_table_in_the_terminal_keeps_its_numbers_at_80_columns() -> None:
    name = "a cell with quite a long name, longer than the place it has"
    record = records(experiment(), [trial(name)], Store({"run": MEASURED}))
    console = Console(width=80, record=True, file=io.StringIO())

    console.print(result_table(dataclasses.replace(record, baseline=name)))

    shown = console.export_text()
    assert "study: mIoU on test" in shown
    assert "50.00 (1)" in shown
    assert "0-00:00:02" in shown
    assert "\u2026" not in shown  # nothing is cut


def test_report_is_attached_to_the_parent_run(
    settings: Settings, tracker: Tracker, tmp_path: Path
) -> None:
    ledger = Ledger(settings.ledger_url)
    ledger.add("study", [Member("a", CONFIG, "f" * 64)], "why", "name: study", "a")
    parent = tracker.open_experiment_run(ledger.experiment("study"))
    ledger.set_experiment_run("study", parent)

    MlflowClient(tracking_uri=tracker.uri).log_text(parent, "old", "report/pictures/1-best.png")

    record, path = build("study", settings, tmp_path / "out", pictures=True)

    assert path == tmp_path / "out" / "report.md"
    assert [run.state for run in record.runs] == ["PENDING"]
    attached = MlflowClient(tracking_uri=tracker.uri).list_artifacts(parent, "report")
    files = {file.path for file in attached}
    assert "report/report.html" in files
    assert "report/pictures" not in files  # of an earlier report


def test_unknown_experiment_is_refused(settings: Settings, tracker: Tracker) -> None:
    with pytest.raises(UserError, match="'stduy'"):
        build("stduy", settings, settings.home / "out", pictures=True)

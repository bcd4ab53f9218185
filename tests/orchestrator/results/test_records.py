"""Records joined from the ledger and MLflow, with a small fake tracking store."""

import dataclasses
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from orchestrator.ledger.entries import ExperimentStatus, State, TrialStatus
from orchestrator.results.records import build_submit_command, read_record
from orchestrator.spec.overrides import record_overrides
from orchestrator.tracking.tracker import RunContent, Tracker
from tests.conftest import tiny
from vss.errors import UserError
from vss.profiling.latency_measurement import CellLatency, FormLatency, LatencyMeasurement

CONFIG = tiny()

CONTENT = RunContent(
    metrics={
        "miou": 0.5, "iou/Sky": 0.9, "train_seconds": 2.5, "parameters": 1000.0,
        "scored_frames": 8.0, "train/loss": 0.1, "val/miou": 0.4,
    },
    tags={"scored_split": "test", "data_fingerprint": "f" * 64, "device": "a CPU", "mlflow.x": "y"},
)  # fmt: skip


class FakeTracker(Tracker):
    """A tracking store with the runs that it is created with."""

    def __init__(
        self, runs: dict[str, RunContent], latency: LatencyMeasurement | None = None
    ) -> None:
        self._runs, self._latency = runs, latency or LatencyMeasurement()
        self.files: dict[str, bytes] = {}
        self.uri = "http://mlflow"

    def has_run(self, run_id: str) -> bool:
        return run_id == "parent"

    def read_runs(self, run_ids: Any) -> dict[str, RunContent]:
        return {name: run for name, run in self._runs.items() if name in run_ids}

    def read_file(self, run_id: str, content: RunContent, name: str) -> bytes | None:
        return self.files.get(name)

    def read_latency(self, run_id: str | None) -> LatencyMeasurement:
        return self._latency


def experiment() -> ExperimentStatus:
    return ExperimentStatus("study", "why", "name: study", "a", "parent", datetime.now(UTC))


def trial(cell: str = "a", run_id: str | None = "run", **changes: Any) -> TrialStatus:
    finished = TrialStatus(
        CONFIG.trial_id, cell, 0, CONFIG.settings(), State.FINISHED, 1, None, run_id, 4, None, None,
        0, None, None,
    )  # fmt: skip
    return dataclasses.replace(finished, **changes)


def test_record_contains_the_measurements_of_a_run() -> None:
    (run,) = read_record(experiment(), [trial()], FakeTracker({"run": CONTENT})).runs

    assert run.metrics == {"miou": 0.5}
    assert run.iou == {"Sky": 0.9}
    assert (run.train_seconds, run.parameters, run.scored_frames) == (2.5, 1000, 8)
    assert run.environment == {"device": "a CPU"}
    assert (run.scored_split, run.data_fingerprint) == ("test", "f" * 64)


def test_store_without_the_run_of_the_experiment_is_named() -> None:
    elsewhere = dataclasses.replace(experiment(), run_id="other")

    with pytest.raises(UserError, match="http://mlflow has no run other of 'study': check MLFLOW"):
        read_record(elsewhere, [trial()], FakeTracker({"run": CONTENT}))


def test_cells_keep_the_order_of_the_spec() -> None:
    record = read_record(
        experiment(), [trial("b"), trial("a"), trial("b")], FakeTracker({"run": CONTENT})
    )

    assert record.cells == ["b", "a"]
    assert (record.name, record.description, record.baseline) == ("study", "why", "a")
    assert record.source == "name: study"


def test_baseline_without_a_trial_is_a_cell() -> None:
    """Only some of the trials may have been imported."""
    record = read_record(experiment(), [trial("b")], FakeTracker({"run": CONTENT}))

    assert record.cells == ["a", "b"]


def test_latency_of_a_cell_is_added() -> None:
    clip = FormLatency(median_ms=7.0, p95_ms=9.0, rounds_ms=[7.0], baseline_rounds_ms=[])
    cell = CellLatency(
        trial_id="t", precision="fp32", parameters=1, gflops=2.5, peak_memory_mib=3.0, clip=clip
    )
    latency = LatencyMeasurement(conditions={"device": "a CPU"}, cells={"a": cell})

    record = read_record(
        experiment(), [trial("a"), trial("b")], FakeTracker({"run": CONTENT}, latency)
    )

    assert {cell: c.clip.median_ms for cell, c in record.costs.items() if c.clip} == {"a": 7.0}
    assert record.costs["a"].memory_mib == 3.0
    assert record.latency_conditions == {"device": "a CPU"}


def test_failed_trial_has_its_message_and_no_numbers() -> None:
    failed = trial(state=State.FAILED, message="bad image")

    (run,) = read_record(experiment(), [failed], FakeTracker({"run": CONTENT})).runs

    assert (run.state, run.message, run.metrics) == ("FAILED", "bad image", {})


def test_finished_trial_whose_run_was_deleted_is_marked() -> None:
    (run,) = read_record(experiment(), [trial()], FakeTracker({})).runs

    assert (run.state, run.message) == ("DELETED", "its MLflow run was deleted")


def test_curves_of_a_report_have_six_digits_and_no_learning_rate() -> None:
    tracker = FakeTracker({"run": CONTENT})
    rows = "curve,step,value\ntrain/loss,1,2.9184041023254395\ntrain/learning_rate,1,0.1\n"
    tracker.files = {"curves.csv": rows.encode()}

    (run,) = read_record(experiment(), [trial()], tracker).runs

    assert run.curves == {"train/loss": [(1, 2.9184)]}


@pytest.mark.parametrize(
    ("recorded", "expected"),
    [
        ([], {}),
        (range(1, 101), {"train/loss": [(n, float(n)) for n in range(1, 101)]}),
        (range(1, 202), {"train/loss": [(n, n - 1.0) for n in range(3, 202, 3)]}),
        (range(1, 203), {"train/loss": [*((n, n - 1.0) for n in range(3, 202, 3)), (202, 202.0)]}),
    ],
)
def test_curves_of_a_report_have_at_most_100_points_each(
    recorded: Sequence[int], expected: dict[str, list[tuple[int, float]]]
) -> None:
    tracker = FakeTracker({"run": CONTENT})
    rows = ["curve,step,value", *(f"train/loss,{n},{n}" for n in recorded)]
    tracker.files = {"curves.csv": "\n".join(rows).encode()}

    (run,) = read_record(experiment(), [trial()], tracker).runs

    assert run.curves == expected


def test_damaged_files_of_a_run_are_named_and_the_rest_is_kept() -> None:
    tracker = FakeTracker({"run": CONTENT})
    tracker.files = {"frames.npz": b"PK broken", "curves.csv": b"garbage\n1,2\n"}

    (run,) = read_record(experiment(), [trial()], tracker).runs

    assert run.state == "FINISHED"
    assert run.metrics == {"miou": 0.5}
    assert (run.confusions, run.curves) == (None, {})
    assert run.message is not None
    assert run.message.startswith("frames.npz is damaged (")
    assert "; curves.csv is damaged (KeyError: 'curve')" in run.message


def test_frames_come_from_the_seed_that_a_cell_shares_with_the_baseline() -> None:
    """Cell b has no seed 0, so the report shows seed 1 of both."""
    read_runs = []

    class SampleReader(FakeTracker):
        def read_file(self, run_id: str, content: RunContent, name: str) -> bytes | None:
            if name == "samples.npz":
                read_runs.append(run_id)
            return None

    ids = ["a0", "a1", "b1", "b2", "c0"]
    trials = [trial(name[0], name, trial_id=name, seed=int(name[1])) for name in ids]

    read_record(experiment(), trials, SampleReader(dict.fromkeys(ids, CONTENT)), pictures=True)

    assert sorted(read_runs) == ["a0", "a1", "b1", "c0"]


def trial_on(dataset: str) -> TrialStatus:
    return trial(settings={"dataset": dataset})


def test_command_names_the_datasets_that_need_a_path() -> None:
    trials = [trial_on("synthetic"), trial_on("camvid"), trial_on("camvid")]

    assert build_submit_command(trials, "name: a\n") == (
        'vss-orch submit spec.yaml --data camvid="$VSS_DATA/camvid"'
    )


def test_experiment_without_a_spec_has_no_command() -> None:
    assert build_submit_command([trial_on("camvid")], "# scored by: vss-orch evaluate\n") == ""


def test_command_repeats_the_overrides() -> None:
    source = record_overrides("name: a\n", ["steps=50", "seeds=[0, 1]"])

    command = build_submit_command([trial_on("synthetic")], source)

    assert command == "vss-orch submit spec.yaml steps=50 'seeds=[0, 1]'"

"""Cells that others start or learn from, in reports."""

from dataclasses import replace
from typing import Any

from orchestrator.ledger.entries import TrialStatus
from orchestrator.results.records import read_record
from orchestrator.results.source_cells import leave_out_sources, name_sources
from orchestrator.tracking.tracker import RunContent
from reports.records import ExperimentRecord
from tests.conftest import tiny
from tests.orchestrator.results.test_records import CONTENT, FakeTracker, experiment, trial

SOURCE = tiny(clips=9)
WEIGHTS = f"backbone:{SOURCE.trial_id}"


def trial_of(cell: str, **settings: Any) -> TrialStatus:
    config = tiny(**settings)
    finished = trial(cell, f"run of {cell}")
    return replace(finished, trial_id=config.trial_id, settings=config.settings())


def read(*trials: TrialStatus) -> ExperimentRecord:
    runs = {t.run_id or "": RunContent(CONTENT.metrics, CONTENT.tags) for t in trials}
    return leave_out_sources(read_record(experiment(), trials, FakeTracker(runs)), trials)


def test_settings_name_the_cells_of_sources() -> None:
    source = trial_of("pretraining", clips=9)
    student = trial_of("student", weights=WEIGHTS, teacher=SOURCE.trial_id, distillation_weight=1.0)
    stranger = trial_of("stranger", weights="network:0123456789ab")

    named = [(t.settings["weights"], t.settings["teacher"]) for t in name_sources(
        [source, student, stranger])]  # fmt: skip

    assert named == [
        ("none", "none"), ("backbone of pretraining", "pretraining"),
        ("network:0123456789ab", "none"),
    ]  # fmt: skip


def test_source_of_weights_on_other_data_is_not_compared() -> None:
    record = read(trial_of("a"), trial_of("tuned", weights=WEIGHTS), trial_of("pre", clips=9))

    assert record.cells == ["a", "tuned"]
    assert [run.cell for run in record.runs] == ["a", "tuned"]
    assert record.uncompared == {"pre": "50.00 % mIoU on synthetic (test), 1 seed"}


def test_source_of_weights_is_left_out_beside_a_baseline_without_trials() -> None:
    record = read(trial_of("tuned", weights=WEIGHTS), trial_of("pre", clips=9))

    assert record.cells == ["a", "tuned"]


def test_source_of_weights_on_the_same_data_is_compared() -> None:
    source = tiny(steps=9)
    weights = f"network:{source.trial_id}"

    record = read(trial_of("a"), trial_of("tuned", weights=weights), trial_of("pre", steps=9))

    assert record.cells == ["a", "tuned", "pre"]
    assert record.uncompared == {}


def test_cell_on_other_data_that_nothing_starts_from_is_compared() -> None:
    assert read(trial_of("a"), trial_of("more", clips=9)).cells == ["a", "more"]

"""The report of an experiment: building it, and keeping it up to date."""

from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow import MlflowClient

from orchestrator.ledger.driver import Driver
from orchestrator.ledger.entries import Claim, ExperimentEntry, ImportedTrial, Member, State
from orchestrator.ledger.ledger import Ledger
from orchestrator.results.report import build, watch
from orchestrator.settings import Settings
from orchestrator.spec.trial_builder import PlannedTrial
from orchestrator.stores import Stores
from orchestrator.tracking.tracker import Tracker
from tests.conftest import tiny
from vss.errors import UserError

CONFIGS = [tiny(seed=0), tiny(seed=1)]


@pytest.mark.slow
def test_report_is_attached_to_the_parent_run(
    settings: Settings, tracker: Tracker, tmp_path: Path
) -> None:
    stores = Stores(settings)
    entry = ExperimentEntry("study", "why", "name: study", "a", {"a": {"miou": 0.75}})
    stores.ledger.add(entry, [Member(PlannedTrial("a", CONFIGS[0]), "f" * 64)])
    parent = tracker.open_experiment_run(stores.ledger.experiment("study"))
    stores.ledger.set_experiment_run("study", parent)
    MlflowClient(tracking_uri=tracker.uri).log_text(parent, "old", "report/pictures/1-best.png")

    record, path = build("study", stores, settings, tmp_path / "out", pictures=True)

    assert path == tmp_path / "out" / "report.md"
    assert [run.state for run in record.runs] == ["PENDING"]
    assert record.published == {"a": {"miou": 0.75}}
    artifacts = MlflowClient(tracking_uri=tracker.uri).list_artifacts(parent, "report")
    files = {file.path for file in artifacts}
    assert "report/report.html" in files
    assert "report/pictures" not in files  # from the earlier report


def test_report_of_an_unknown_experiment_is_refused(settings: Settings, tracker: Tracker) -> None:
    with pytest.raises(UserError, match="'stduy'"):
        build("stduy", Stores(settings), settings, settings.home / "out", pictures=True)


@pytest.mark.slow
def test_trials_whose_runs_were_deleted_are_reported_without_results(
    settings: Settings, tracker: Tracker, tmp_path: Path
) -> None:
    stores, member = Stores(settings), Member(PlannedTrial("a", CONFIGS[0]), "f" * 64)
    entry = ExperimentEntry("study", "why", "name: study", "a")
    stores.ledger.add_finished(entry, [ImportedTrial(member, 0, "0" * 32, last_attempt=1)])
    parent = tracker.open_experiment_run(stores.ledger.experiment("study"))
    stores.ledger.set_experiment_run("study", parent)

    record, _ = build("study", stores, settings, tmp_path / "out", pictures=True)

    assert [run.message for run in record.runs] == ["its MLflow run was deleted"]


@pytest.fixture
def ledger(settings: Settings) -> Ledger:
    ledger = Ledger(settings.ledger_url)
    trials = [PlannedTrial("a", config) for config in CONFIGS]
    ledger.add(ExperimentEntry("study"), [Member(trial, "f" * 64) for trial in trials])
    return ledger


Watch = Callable[[Callable[[], None]], list[str]]


@pytest.fixture
def run_watch(ledger: Ledger) -> Watch:
    """Return a function that watches with an event between polls and returns the printed lines."""

    def run(next_event: Callable[[], None]) -> list[str]:
        lines: list[str] = []

        def sleep(seconds: float) -> None:
            assert seconds == 3
            next_event()

        watch("study", ledger, lambda: Path("out/report.md"), 3, lines.append, sleep)
        return lines

    return run


def finish(driver: Driver, claim: Claim) -> None:
    driver.start(claim, 0, None)
    driver.end(claim, State.FINISHED, None, None)


def test_report_is_rebuilt_at_every_change_until_all_trials_have_ended(
    ledger: Ledger, run_watch: Watch
) -> None:
    with ledger.driver() as driver:
        first, second = driver.claim([config.trial_id for config in CONFIGS])
        events = iter(
            [
                lambda: driver.start(first, 0, None),
                lambda: None,
                lambda: driver.beat({first: {"step": 5}}),
                lambda: driver.end(first, State.FAILED, "the loss is nan", None),
                lambda: finish(driver, second),
            ]
        )

        lines = run_watch(lambda: next(events)())

    assert lines == [
        "2 pending: out/report.md",
        "1 pending, 1 running: out/report.md",
        "1 pending, 1 running: out/report.md",
        "1 pending, 1 failed: out/report.md",
        "1 finished, 1 failed: out/report.md",
    ]


def test_trials_that_a_driver_adds_when_all_have_ended_are_waited_for(
    ledger: Ledger, run_watch: Watch
) -> None:
    with ledger.driver() as driver:
        driver.take_lease("study")
        for claim in driver.claim([config.trial_id for config in CONFIGS]):
            finish(driver, claim)
        events = iter([lambda: None, driver.release_claims])

        lines = run_watch(lambda: next(events)())

    assert lines == ["2 finished: out/report.md"]


def test_finished_experiment_is_reported_once(ledger: Ledger, run_watch: Watch) -> None:
    with ledger.driver() as driver:
        for claim in driver.claim([config.trial_id for config in CONFIGS]):
            finish(driver, claim)

    lines = run_watch(lambda: pytest.fail("there is nothing to wait for"))

    assert lines == ["2 finished: out/report.md"]


def test_watching_an_unknown_experiment_is_refused(ledger: Ledger) -> None:
    with pytest.raises(UserError, match="no experiment 'nothing'"):
        watch("nothing", ledger, lambda: Path("out"), 3, print)

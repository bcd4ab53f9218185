"""Handing a submit over, with fake jobs."""

from pathlib import Path

import pytest

from orchestrator.execution.cluster.jobs import JobState
from orchestrator.execution.driver import RunTarget
from orchestrator.execution.handover import detached
from orchestrator.execution.handover.detached import hand_over
from orchestrator.execution.handover.order import Order
from orchestrator.ledger.entries import ExperimentEntry
from orchestrator.settings import Settings
from orchestrator.spec.experiment import Experiment
from orchestrator.spec.file import load_spec
from orchestrator.stores import Stores
from tests.conftest import TINY_SPEC, SpecWriter
from tests.orchestrator.ledger.conftest import members
from vss.errors import UserError

PENDING = JobState(has_started=False, has_ended=False, has_failed=False, message="no room")
RUNNING = JobState(has_started=True, has_ended=False, has_failed=False, message="")
FAILED = JobState(has_started=True, has_ended=True, has_failed=True, message="exit code 2")


class FakeJobs:
    """Jobs whose state never changes."""

    url = "http://127.0.0.1:8265"

    def __init__(self, state: JobState, log: str = "") -> None:
        self._state = state
        self._log = log
        self.stopped: list[str] = []

    def state(self, job: str) -> JobState:
        return self._state

    def read_log(self, job: str) -> str:
        return self._log

    def stop(self, job: str) -> None:
        self.stopped.append(job)


@pytest.fixture
def spec(write_spec: SpecWriter) -> Path:
    return write_spec(TINY_SPEC)


@pytest.fixture
def experiment(spec: Path) -> Experiment:
    return load_spec(spec)


@pytest.fixture
def stores(settings: Settings) -> Stores:
    return Stores(settings)


@pytest.fixture
def hand_over_to(
    spec: Path, experiment: Experiment, stores: Stores, monkeypatch: pytest.MonkeyPatch
):  # type: ignore[no-untyped-def]
    def run(jobs: FakeJobs, takes_over: bool = False) -> list[str]:
        def start(order: Order, *_: object) -> FakeJobs:
            if takes_over:
                driver = stores.ledger.driver(order.job).__enter__()
                driver.take_lease("tiny")
            return jobs

        monkeypatch.setattr(detached, "_start", start)
        monkeypatch.setattr(detached, "START_SECONDS", 0.5)
        monkeypatch.setattr(detached, "_POLL_SECONDS", 0.05)
        target = RunTarget(stores.settings, {}, "http://127.0.0.1:1")
        monkeypatch.setattr(detached, "check_stores", lambda *_, **__: None)
        return hand_over(experiment, spec, target, stores, True, ["submit", "tiny.yaml"])

    return run


@pytest.mark.slow
def test_user_learns_who_runs_it_and_how_to_watch_cancel_and_read_it(hand_over_to) -> None:  # type: ignore[no-untyped-def]
    lines = hand_over_to(FakeJobs(RUNNING), takes_over=True)

    assert lines[0].startswith("'tiny' was handed over to Ray job tiny-2")
    assert lines[1].endswith("vss-orch watch tiny")
    assert lines[2].endswith("vss-orch cancel tiny")
    assert "job logs --address http://127.0.0.1:8265 tiny-2" in lines[3]


@pytest.mark.slow
def test_job_that_does_not_start_is_stopped_with_the_reason(hand_over_to) -> None:  # type: ignore[no-untyped-def]
    jobs = FakeJobs(PENDING)

    with pytest.raises(UserError, match=r"has not started within .* \(no room\): look at its"):
        hand_over_to(jobs)

    assert len(jobs.stopped) == 1


def test_error_of_the_job_reaches_the_user(hand_over_to) -> None:  # type: ignore[no-untyped-def]
    jobs = FakeJobs(FAILED, "Runtime env is set up\nerror: each trial needs 9 CPUs\n")

    with pytest.raises(UserError, match=r"could not take 'tiny' over: each trial needs 9 CPUs"):
        hand_over_to(jobs)


def test_password_that_the_cluster_may_lack_is_named(
    hand_over_to, monkeypatch: pytest.MonkeyPatch
) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setenv("PGPASSWORD", "geheim")

    with pytest.raises(UserError, match=r"told no passwords: .*PGPASSWORD.* must be set on its"):
        hand_over_to(FakeJobs(FAILED, "error: cannot reach the ledger"))


@pytest.mark.slow
def test_slow_start_is_no_error(hand_over_to) -> None:  # type: ignore[no-untyped-def]
    """It may read a large dataset."""
    assert hand_over_to(FakeJobs(RUNNING))[0].startswith("'tiny' was handed over")


def test_running_experiment_only_learns_of_new_trials(
    hand_over_to, stores: Stores, experiment: Experiment
) -> None:  # type: ignore[no-untyped-def]
    ledger = stores.ledger
    ledger.add(ExperimentEntry("tiny"), members(0))

    with ledger.driver() as driver:
        driver.take_lease("tiny")
        lines = hand_over_to(FakeJobs(FAILED))

    assert lines[0].startswith("'tiny' runs already: a submit on ")
    assert len(ledger.trials("tiny")) == len(experiment.trials)

"""A driver whose ledger is out of reach for a while."""

import threading
import time
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from rich.console import Console

from orchestrator.execution.driver import RunTarget
from orchestrator.execution.job import Job, Outcome
from orchestrator.execution.trials import recorder
from orchestrator.ledger import database, tables
from orchestrator.ledger.entries import State
from orchestrator.settings import load_settings
from orchestrator.spec.experiment import Experiment
from tests.orchestrator.conftest import PostgresServer, locked
from tests.orchestrator.execution.fakes import FakeRay, quiet, run, states

pytestmark = pytest.mark.usefixtures("tracker")


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.1)
    monkeypatch.setattr(recorder, "_PROBE_SECONDS", 0.2)


@pytest.fixture
def threads() -> Iterator[list[threading.Thread]]:
    started: list[threading.Thread] = []
    yield started
    for thread in started:
        thread.join()


def printed(console: Console) -> str:
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


@pytest.mark.slow
def test_ledger_that_is_locked_for_a_while_costs_nothing_but_time(
    experiment: Experiment, target: RunTarget, fake_ray: FakeRay, threads: list[threading.Thread]
) -> None:
    is_locked = threading.Event()

    def lock() -> None:
        with locked(target.settings.home / "ledger.db"):
            is_locked.set()
            time.sleep(1.5)

    def script(job: Job, n: int) -> Outcome:
        if not threads:  # the first trial ends while the ledger is locked
            threads.append(threading.Thread(target=lock))
            threads[0].start()
            is_locked.wait()
        return Outcome(State.FINISHED)

    console = quiet()
    with fake_ray(script) as fake:
        submission = run(experiment, target, console)

    assert states(submission) == ["FINISHED"] * 4
    assert set(fake.starts.values()) == {1}
    assert [trial.attempts for trial in submission.trials] == [1] * 4
    with sa.create_engine(target.settings.ledger_url).connect() as db:
        assert set(db.scalars(sa.select(tables.attempts.c.number))) == {1}


@pytest.mark.slow
def test_postgres_server_that_restarts_costs_nothing_but_time(
    experiment: Experiment,
    target: RunTarget,
    fake_ray: FakeRay,
    threads: list[threading.Thread],
    own_postgres_server: PostgresServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("VSS_LEDGER_URL", f"{own_postgres_server.url}/postgres")
    settings = load_settings()

    def restart() -> None:
        time.sleep(2)
        own_postgres_server.start()

    def script(job: Job, n: int) -> Outcome:
        if not threads:
            own_postgres_server.stop()
            threads.append(threading.Thread(target=restart))
            threads[0].start()
        return Outcome(State.FINISHED)

    console = quiet()
    with fake_ray(script) as fake:
        submission = run(experiment, RunTarget(settings, {}), console)

    assert states(submission) == ["FINISHED"] * 4
    assert set(fake.starts.values()) == {1}
    assert "waiting for the ledger since" in printed(console)
    assert "the ledger answers again" in printed(console)

"""Following an experiment that a submit runs elsewhere."""

import io
import threading

import pytest
from rich.console import Console

from orchestrator.ledger.entries import State
from orchestrator.ledger.ledger import Ledger
from orchestrator.settings import Settings
from orchestrator.terminal.overview import following
from orchestrator.terminal.overview.following import watch
from tests.orchestrator.ledger.conftest import STUDY, ids, members


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "_POLL_SECONDS", 0.05)


@pytest.fixture
def ledger(settings: Settings) -> Ledger:
    ledger = Ledger(settings.ledger_url)
    ledger.add(STUDY, members(0))
    return ledger


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO(), width=150)


def printed(console: Console) -> str:
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    return text


@pytest.mark.slow
def test_watch_ends_with_the_submit_and_its_exit_code(ledger: Ledger, console: Console) -> None:
    with ledger.driver(job="study-1") as driver:
        driver.take_lease("study")

        def finish() -> None:
            for claim in driver.claim(ids(0)):
                driver.end(claim, State.FINISHED)
            driver.release_claims()

        timer = threading.Timer(0.5, finish)
        timer.start()
        code = watch("study", ledger, console)

    assert code == 0
    assert "run by the detached submit study-1 on " in printed(console)
    assert "[1/1] FINISHED  a, seed 0" in printed(console)


@pytest.mark.slow
def test_watch_says_what_a_lost_submit_leaves(ledger: Ledger, console: Console) -> None:
    with ledger.driver() as driver:
        driver.take_lease("study")
        timer = threading.Timer(0.5, driver.release_claims)
        timer.start()
        code = watch("study", ledger, console)

    assert code == 1
    assert "its submit has ended; 1 trial left: " in printed(console)


def test_watch_of_an_experiment_that_nobody_runs_ends_at_once(
    ledger: Ledger, console: Console
) -> None:
    code = watch("study", ledger, console)

    assert code == 1
    assert "nobody runs it" in printed(console)

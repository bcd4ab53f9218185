"""What `status` prints."""

import io

import pytest
from rich.console import Console

from orchestrator.ledger.entries import ExperimentEntry, Member, State
from orchestrator.ledger.ledger import Ledger
from orchestrator.settings import Settings
from orchestrator.spec.trial_builder import PlannedTrial
from orchestrator.terminal.overview.status import (
    describe_experiment,
    describe_experiments,
    show_experiments,
    show_status,
)
from tests.conftest import tiny


@pytest.fixture
def ledger(settings: Settings) -> Ledger:
    ledger = Ledger(settings.ledger_url)
    ledger.add(ExperimentEntry("study"), [Member(PlannedTrial("a", tiny(), 3), "f" * 64)])
    return ledger


def shown(name: str | None, ledger: Ledger) -> str:
    console = Console(file=io.StringIO(), width=150)
    if name is None:
        show_experiments(ledger, console)
    else:
        show_status(name, ledger, console)
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_experiment_is_shown_with_the_ids_of_its_trials_and_its_driver(ledger: Ledger) -> None:
    with ledger.driver() as driver:
        driver.start(driver.claim([tiny().trial_id])[0], 0, None)
        while_running = shown("study", ledger)

    assert tiny().trial_id in while_running
    assert "RUNNING" in while_running
    assert "run by " in while_running
    assert "nobody runs it; submit its spec to continue" in shown("study", ledger)


def test_score_is_kept_with_a_finished_trial(ledger: Ledger) -> None:
    with ledger.driver() as driver:
        (claim,) = driver.claim([tiny().trial_id])
        driver.end(claim, State.FINISHED, None, None, score=0.625)

    assert "0.625" in shown("study", ledger)
    assert describe_experiment("study", ledger)["trials"][0]["score"] == 0.625


def test_all_experiments_are_described_with_drivers_and_priority(ledger: Ledger) -> None:
    with ledger.driver() as driver:
        driver.start(driver.claim([tiny().trial_id])[0], 0, None)
        (entry,) = describe_experiments(ledger)["experiments"]

    assert entry["trials"] == {State.RUNNING: 1}
    assert len(entry["drivers"]) == 1
    assert entry["priority"] == 3
    assert "study" in shown(None, ledger)

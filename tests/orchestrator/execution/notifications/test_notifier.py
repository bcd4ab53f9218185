"""What the user is told of an experiment, and how often."""

from datetime import datetime, timedelta

import pytest
from rich.console import Console

from orchestrator.execution.notifications.notifier import Notifier, open_notifier
from orchestrator.ledger.availability.pause import Pause
from orchestrator.ledger.entries import State, TrialStatus
from tests.orchestrator.terminal.test_trial_tables import trial


class Inbox:
    """A sender that keeps what it is given."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, str]] = []

    def send(self, title: str, text: str) -> None:
        self.messages.append((title, text))


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture
def notifier(inbox: Inbox) -> Notifier:
    return Notifier("study", inbox)


def failed(number: int) -> TrialStatus:
    return trial(number, state=State.FAILED, message="bad image", attempts=1)


def wait(seconds: float) -> Pause:
    since = datetime.now().astimezone() - timedelta(seconds=seconds)
    return Pause("MLflow", "connection refused", since)


def test_first_failure_is_told_at_once_and_only_once(notifier: Notifier, inbox: Inbox) -> None:
    for _ in range(2):
        notifier.observe([failed(0), trial(1)])

    assert inbox.messages == [("study: 1 trial failed", "cell 0, seed 0: bad image")]


def test_many_failures_are_told_together_at_the_end(notifier: Notifier, inbox: Inbox) -> None:
    trials = [failed(n) for n in range(9)]
    notifier.observe(trials[:1])
    notifier.observe(trials)

    notifier.tell_end(trials)

    titles = [title for title, _ in inbox.messages]
    assert titles == [
        "study: 1 trial failed",
        "study: 8 trials failed",
        "study: ended, not all trials have finished",
    ]
    assert inbox.messages[1][1].endswith("and 3 more")
    assert inbox.messages[2][1] == "9 trials: 9 failed"


def test_only_a_long_wait_is_told_and_only_once(notifier: Notifier, inbox: Inbox) -> None:
    for seconds in (5, 70, 80):
        notifier.observe([trial(state=State.RUNNING, waiting_for=wait(seconds))])

    ((title, text),) = inbox.messages
    assert title == "study: waiting for MLflow"
    assert "(connection refused)" in text


def test_finished_experiment_is_told(notifier: Notifier, inbox: Inbox) -> None:
    notifier.tell_budget("the budget is used up")
    notifier.tell_end([trial(state=State.FINISHED)])

    assert inbox.messages == [
        ("study: budget used up", "the budget is used up"),
        ("study: finished", "1 trial: 1 finished"),
    ]


def test_without_addresses_nothing_is_told() -> None:
    with open_notifier("study", None, Console()) as notifier:
        notifier.tell_end([failed(0)])

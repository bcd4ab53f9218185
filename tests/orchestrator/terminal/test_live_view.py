"""The live view of an experiment."""

import io

import pytest
from rich.console import Console

from orchestrator.ledger.entries import ExperimentEntry, Member, State
from orchestrator.ledger.ledger import Ledger
from orchestrator.settings import Settings
from orchestrator.spec.trial_builder import PlannedTrial
from orchestrator.terminal.live_view import LiveView
from orchestrator.terminal.progress_line import Interval
from tests.conftest import tiny


@pytest.fixture
def ledger(settings: Settings) -> Ledger:
    ledger = Ledger(settings.ledger_url)
    ledger.add(ExperimentEntry("study"), [Member(PlannedTrial("a", tiny()), "f" * 64)])
    return ledger


def test_changes_are_printed_as_plain_lines_without_a_terminal(ledger: Ledger) -> None:
    console = Console(file=io.StringIO(), width=200)

    with (
        LiveView(ledger, "study", console, ["Ray dashboard: http://127.0.0.1"]),
        ledger.driver() as driver,
    ):
        (claim,) = driver.claim([tiny().trial_id])
        driver.start(claim, 0, None)
        driver.end(claim, State.FAILED, "bad image", None)

    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert lines[0] == "Ray dashboard: http://127.0.0.1"
    assert lines[-1] == "[0/1] FAILED    a, seed 0: bad image"


def test_activity_of_the_driver_is_shown(ledger: Ledger) -> None:
    plain = Console(file=io.StringIO(), width=200)
    terminal = Console(file=io.StringIO(), width=100, height=30, force_terminal=True)

    with ledger.driver() as driver:
        driver.take_lease("study")
        driver.set_activity("measuring the latency of 1 cell")
        with LiveView(ledger, "study", plain), LiveView(ledger, "study", terminal):
            pass

    for console in (plain, terminal):
        assert "measuring the latency of 1 cell" in console.file.getvalue()  # type: ignore[attr-defined]


def test_look_is_shown_and_said_once(ledger: Ledger) -> None:
    entry = ExperimentEntry("looks", seeds=range(10), looks=(3, 5, 7, 10))
    trials = [PlannedTrial("a", tiny(seed=seed)) for seed in range(3)]
    ledger.add(entry, [Member(trial, "f" * 64) for trial in trials])
    plain = Console(file=io.StringIO(), width=200)
    terminal = Console(file=io.StringIO(), width=100, height=30, force_terminal=True)

    with LiveView(ledger, "looks", plain) as view, LiveView(ledger, "looks", terminal):
        view.note("a line")

    line = "look 1 of 4 (3 of at most 10 seeds): 3 to 10 trials"
    assert plain.file.getvalue().count(line) == 1  # type: ignore[attr-defined]
    assert line in terminal.file.getvalue()  # type: ignore[attr-defined]


def test_table_is_shown_on_a_terminal(ledger: Ledger) -> None:
    console = Console(file=io.StringIO(), width=100, height=30, force_terminal=True)

    with LiveView(ledger, "study", console) as view:
        view.note_once("a note")
        view.note_once("a note")

    output = console.file.getvalue()  # type: ignore[attr-defined]
    assert "PENDING" in output
    assert "a note" in output


def test_error_inside_the_view_is_raised(ledger: Ledger) -> None:
    console = Console(file=io.StringIO())

    with pytest.raises(ZeroDivisionError), LiveView(ledger, "study", console):
        _ = 1 / 0


def test_line_about_what_runs_is_printed_again_and_again_without_a_terminal(
    ledger: Ledger,
) -> None:
    console = Console(file=io.StringIO(), width=200)

    with (
        ledger.driver() as driver,
        LiveView(ledger, "study", console, interval=Interval(seconds=0)),
    ):
        (claim,) = driver.claim([tiny().trial_id])
        driver.start(claim, 0, None)
        driver.beat({claim: {"step": 2, "loss": 0.75}})

    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert "[0/1] 1 running, about 0:00 left; a, seed 0: step 2/4, loss 0.750, 0:00 left" in lines

"""Progress as lines of text."""

from orchestrator.ledger.entries import State
from orchestrator.terminal.progress_line import Interval, describe_progress
from tests.orchestrator.terminal.test_time_left import finished, running
from tests.orchestrator.terminal.test_trial_tables import trial


def test_line_shows_step_loss_and_time_left_of_what_runs() -> None:
    trials = [finished(10), running(10, steps=50, loss=0.51234, cell="tma"), trial()]

    line = describe_progress(trials)

    assert line == (
        "[1/3] 1 running, about 0:20 left; tma, seed 0: step 50/100, loss 0.512, 0:10 left"
    )


def test_line_without_running_trials_counts_only() -> None:
    assert describe_progress([trial(), trial(state=State.FAILED)]) == "[0/2] no trial is running"


def test_line_says_what_the_driver_does_instead() -> None:
    line = describe_progress([finished(10)], activity="measuring the latency of 1 cell")

    assert line == "[1/1] measuring the latency of 1 cell"


def test_line_describes_only_some_of_many_trials() -> None:
    line = describe_progress([running(10, steps=0) for _ in range(7)])

    assert line.endswith("step 0/100; and 3 more")
    assert line.count("step 0/100") == 4


def test_interval_is_over_once_per_period() -> None:
    times = iter([0.0, 29.0, 30.5, 30.5, 31.0, 61.0, 61.0])
    interval = Interval(30.0, clock=lambda: next(times))

    assert [interval.is_over() for _ in range(4)] == [False, True, False, True]

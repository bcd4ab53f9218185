"""Requests to stop."""

import os
import signal

import pytest

from orchestrator.execution.stop_requests import StopRequests, stop_on_signal


@pytest.mark.parametrize(
    ("keeps_checkpoints", "message"),
    [
        (True, "stopping: trials save a checkpoint; rerun the same command to resume"),
        (False, "stopping after the current step"),
    ],
)
def test_checkpoints_are_promised_only_where_they_are_kept(
    keeps_checkpoints: bool, message: str
) -> None:
    lines: list[str] = []
    stop = StopRequests()

    with stop_on_signal(stop, lines.append, keeps_checkpoints):
        os.kill(os.getpid(), signal.SIGTERM)

    assert stop.is_for_all()
    assert lines == [message]


def test_single_trial_is_asked_to_stop() -> None:
    stop = StopRequests()

    stop.stop_trials(["a"])

    assert (stop.is_for("a"), stop.is_for("b"), stop.is_for_all()) == (True, False, False)


def test_request_to_stop_everything_is_for_each_trial() -> None:
    stop = StopRequests()

    stop.stop_all()

    assert stop.is_for("a")

"""How a submit ended."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from orchestrator.ledger.entries import State, TrialStatus
from orchestrator.settings import command
from orchestrator.terminal.progress_line import describe_rest


class Ending(StrEnum):
    """Why a submit ended.

    OVER: nothing was left to do.
    INTERRUPTED: Ctrl-C stopped its trials.
    CANCELLED: the experiment was cancelled.
    LEFT: another driver runs the experiment, and Ctrl-C ended only this command.
    """

    OVER = "OVER"
    INTERRUPTED = "INTERRUPTED"
    CANCELLED = "CANCELLED"
    LEFT = "LEFT"


@dataclass(frozen=True)
class Submission:
    """The state of an experiment at the end of a submit.

    Attributes:
        trials: all of its trials, in its order.
        ending: why the submit ended.
    """

    trials: Sequence[TrialStatus]
    ending: Ending = Ending.OVER

    @property
    def exit_code(self) -> int:
        """The exit code of a command: 0 all finished, 1 a trial failed, 130 interrupted."""
        if self.is_unfinished:
            return 130
        return int(any(trial.state != State.FINISHED for trial in self.trials))

    @property
    def is_unfinished(self) -> bool:
        """Whether it ended before the experiment did."""
        return self.ending != Ending.OVER

    def describe_rest(self, name: str, words: Sequence[str]) -> str:
        """Return what is left of an experiment that is not over, and how to go on.

        Args:
            name: the experiment.
            words: the words after `vss-orch` as the user typed them.
        """
        program = command("vss-orch")
        if self.ending == Ending.LEFT:
            return f"'{name}' runs on: {program} watch {name}, or {program} cancel {name}"
        resume = f"resume with: {program} {shlex.join(words)}"
        return f"{describe_rest(self.trials)}; {resume}"

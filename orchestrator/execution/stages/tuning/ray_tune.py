"""What Ray Tune decides in a search, asked in a process of its own. Imports no ray."""

import importlib.util
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from orchestrator.spec.tuning.ranges import Choice, Range
from orchestrator.spec.tuning.tune import REDUCTION, Tune
from vss.errors import UserError
from vss.untrusted.messages import one_line

_MODULE = "orchestrator.execution.cluster.search_process"


class Searcher(Protocol):
    """What decides in a search; the same questions always have the same answers."""

    def propose(self, tune: Tune, scores: Sequence[float]) -> list[dict[str, Any]]:
        """Return the settings of the samples that follow from the scores of the first ones."""

    def find_survivors(self, steps: int, milestone: int, scores: Sequence[float]) -> Sequence[int]:
        """Return which of the samples that have reached a milestone go on."""

    def close(self) -> None:
        """Free what it takes while nobody asks; it may be asked again."""


class _KilledError(UserError):
    """Raised when the process was killed."""


class RayTune:
    """Ray Tune in a process that is started when it is asked."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._answers: dict[str, Any] = {}

    def propose(self, tune: Tune, scores: Sequence[float]) -> list[dict[str, Any]]:
        """Return the settings of the samples that follow from the scores of the first ones.

        Raises:
            UserError: if the searcher is not installed.
        """
        request = {
            "ask": "samples",
            "ranges": {name: _describe(choice) for name, choice in tune.ranges.items()},
            "searcher": tune.searcher,
            "seed": tune.first_seed % 2**32,
            "count": tune.samples,
            # Random samples follow from no score: they are asked for once.
            "scores": list(scores) if tune.searcher == "optuna" else [],
        }
        samples = self.ask(request)
        return [
            {name: _read(tune.ranges[name], value) for name, value in sample.items()}
            for sample in samples
        ]

    def find_survivors(self, steps: int, milestone: int, scores: Sequence[float]) -> Sequence[int]:
        """Return which of the samples that have reached a milestone go on."""
        request = {
            "ask": "survivors", "steps": steps, "milestone": milestone, "scores": list(scores),
            "reduction": REDUCTION,
        }  # fmt: skip
        survivors: Sequence[int] = self.ask(request)
        return survivors

    def ask(self, request: Mapping[str, Any]) -> Any:
        """Return the answer to a request, which is always the same.

        A process that was killed, as the machine does when its memory runs out, is asked again.

        Raises:
            UserError: if the process fails.
        """
        text = json.dumps(request)
        if text not in self._answers:
            try:
                self._answers[text] = self._ask_process(text)
            except _KilledError:
                self._answers[text] = self._ask_process(text)
        return self._answers[text]

    def close(self) -> None:
        """End the process, which holds 200 MB; the next question starts another one."""
        if self._process is not None:
            self._process.communicate()
            self._process = None

    def _ask_process(self, request: str) -> Any:
        if self._process is None:
            self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115  # as long as the process
            # It ends when this process closes its input.
            self._process = subprocess.Popen(  # noqa: S603  # our own module
                [sys.executable, "-P", "-m", _MODULE],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                text=True,
                start_new_session=True,  # Ctrl-C is for the driver
            )
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None  # noqa: S101  # it is a pipe, as is stdout
        assert stdout is not None  # noqa: S101
        try:
            stdin.write(request + "\n")
            stdin.flush()
            return json.loads(stdout.readline())
        except (OSError, ValueError):
            raise self._end_failed_process(self._process) from None

    def _end_failed_process(self, process: subprocess.Popen[str]) -> UserError:
        """Return the error that a process has ended with; the next question starts another one."""
        self.close()
        self._errors.seek(0)
        lines = self._errors.read().strip().splitlines()
        if process.returncode < 0:
            return _KilledError(
                f"the process that asks Ray Tune was killed (signal {-process.returncode}): run "
                "the same command again to resume"
            )
        reason = one_line(lines[-1]) if lines else f"exit code {process.returncode}"
        return UserError(f"Ray Tune cannot search: {reason}")


def check_installed(tune: Tune) -> None:
    """Check that the searcher of a spec is installed.

    Raises:
        UserError: if it is not.
    """
    if tune.searcher == "optuna" and importlib.util.find_spec("optuna") is None:
        raise UserError(
            "tune.searcher: optuna is not installed: pip install 'vss-orch[optuna]', or write "
            "searcher: random"
        )


def _describe(choice: Range) -> Mapping[str, Any]:
    """Return a range as the process reads it."""
    if isinstance(choice, Choice):
        return {"values": list(choice.values)}
    return {"kind": choice.kind, "low": choice.low, "high": choice.high}


def _read(choice: Range, value: Any) -> Any:
    """Return the value of a setting that the process has chosen."""
    return choice.values[value] if isinstance(choice, Choice) else choice.clip(value)

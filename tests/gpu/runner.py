"""Parts run one after the other, each in a process of its own; finished ones are remembered.

The standard library alone: the runner starts before it is certain that anything else is installed.
"""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

GRACE = 30.0  # seconds
PASSED, FAILED, TIMED_OUT, NOT_BEGUN = "passed", "failed", "timed out", "not begun"
_PYTEST_SUMMARY = re.compile(r"^(?:=+ )?(\d+ (?:passed|failed|skipped|error).*?)(?: =+)?$")
_PYTEST_FAILURE = re.compile(r"^(?:FAILED|ERROR) (.*)$")


@dataclass(frozen=True)
class Part:
    """One subprocess of Python.

    Attributes:
        name: unique; results are remembered under it.
        arguments: of the interpreter.
        is_table: its output is a table that belongs in the report.
    """

    name: str
    arguments: tuple[str, ...]
    is_table: bool = False


@dataclass(frozen=True)
class Outcome:
    """How a part ended.

    Attributes:
        outcome: passed, failed, timed out or not begun.
        seconds: wall time of the process.
        note: pytest's summary, or the first sign of a failure.
        commit: of the code that ran.
    """

    outcome: str
    seconds: float
    note: str
    commit: str | None = None


class Results:
    """The outcomes of the parts that have run, in a JSON file.

    Outcomes hold for one device and one set of versions: others start anew.
    """

    def __init__(self, path: Path, conditions: Mapping[str, str], fresh: bool = False) -> None:
        self._path, self._conditions = path, dict(conditions)
        self.outcomes: dict[str, Outcome] = {}
        if fresh or not path.exists():
            return
        saved = json.loads(path.read_text())
        if saved["conditions"] == self._conditions:
            self.outcomes = {name: Outcome(**kept) for name, kept in saved["outcomes"].items()}

    def passed(self, part: Part) -> bool:
        """Return whether a part has passed before."""
        return part.name in self.outcomes and self.outcomes[part.name].outcome == PASSED

    def add(self, part: Part, outcome: Outcome) -> None:
        """Remember how a part ended; the file is whole at any moment."""
        self.outcomes[part.name] = outcome
        content = {
            "conditions": self._conditions,
            "outcomes": {name: asdict(kept) for name, kept in self.outcomes.items()},
        }
        self._path.parent.mkdir(parents=True, exist_ok=True)
        draft = self._path.with_suffix(".draft")
        draft.write_text(json.dumps(content, indent=2))
        draft.replace(self._path)


def run_parts(
    parts: Sequence[Part],
    results: Results,
    folder: Path,
    environment: Mapping[str, str],
    budget_seconds: float,
    limit_seconds: float,
    commit: str | None = None,
) -> dict[str, Outcome]:
    """Run the parts that have not passed yet; a failure does not stop the next part.

    Args:
        parts: in the order in which they run.
        results: what earlier runs left; every outcome is added to it.
        folder: for the log of each part.
        environment: of the subprocesses.
        budget_seconds: once spent, no further part begins, and one that runs has `GRACE` left.
        limit_seconds: after which a part is killed.
        commit: of the code.

    Returns:
        name -> outcome of every part.
    """
    folder.mkdir(parents=True, exist_ok=True)
    end = time.monotonic() + budget_seconds
    for part in parts:
        if results.passed(part):
            print(f"{part.name}: passed before", flush=True)
        elif time.monotonic() < end:
            print(f"{part.name}: begins", flush=True)
            limit = min(limit_seconds, end + GRACE - time.monotonic())
            outcome = _run(part, folder, environment, limit, commit)
            results.add(part, outcome)
            print(f"{part.name}: {outcome.outcome} after {outcome.seconds:.0f} s", flush=True)
        elif part.name not in results.outcomes:
            print(f"{part.name}: not begun, the time budget is spent", flush=True)
    unknown = Outcome(NOT_BEGUN, 0.0, "the time budget was spent: rerun the command to resume")
    return {part.name: results.outcomes.get(part.name, unknown) for part in parts}


def log_file(folder: Path, part: Part) -> Path:
    """Return where the output of a part is kept."""
    return folder / f"{part.name.replace(' ', '_')}.log"


def _run(
    part: Part,
    folder: Path,
    environment: Mapping[str, str],
    limit_seconds: float,
    commit: str | None,
) -> Outcome:
    began = time.monotonic()
    log = log_file(folder, part)
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, *part.arguments],
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            code = process.wait(limit_seconds)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            _end_group(process)
    seconds = time.monotonic() - began
    text = log.read_text(errors="replace")
    if code is None:
        return Outcome(TIMED_OUT, seconds, f"killed after {limit_seconds:.0f} s", commit)
    if code != 0:
        return Outcome(FAILED, seconds, _reason(text) or f"exit code {code}", commit)
    return Outcome(PASSED, seconds, _summary(text), commit)


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """End whatever a part left running: its children share its process group."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _summary(text: str) -> str:
    """Return pytest's last line, or nothing for a script."""
    matches = [match[1] for line in text.splitlines() if (match := _PYTEST_SUMMARY.match(line))]
    return matches[-1] if matches else ""


def _reason(text: str) -> str:
    """Return the first failure that pytest lists, or the last line, where an exception stands."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    failures = [match[1] for line in lines if (match := _PYTEST_FAILURE.match(line))]
    if failures:
        return f"{failures[0]} ({_summary(text)})"
    return lines[-1] if lines else ""


def report(title: str, parts: Sequence[Part], outcomes: Mapping[str, Outcome], folder: Path) -> str:
    """Return the table of all parts, and below it the tables that parts printed, as Markdown."""
    lines = [title, "", "| part | outcome | seconds | note |", "|---|---|--:|---|"]
    commits = {o.commit for o in outcomes.values() if o.outcome != NOT_BEGUN}
    for part in parts:
        outcome = outcomes[part.name]
        note = outcome.note if len(commits) < 2 else f"{outcome.note} (at {outcome.commit})"
        cells = (part.name, outcome.outcome, f"{outcome.seconds:.0f}", _cell(note))
        lines.append(f"| {' | '.join(cells)} |")
    for part in parts:
        if part.is_table and outcomes[part.name].outcome == PASSED:
            lines += ["", f"## {part.name}", "", log_file(folder, part).read_text().strip()]
    return "\n".join(lines) + "\n"


def _cell(text: str, width: int = 160) -> str:
    """Return text that fits into one cell of a Markdown table."""
    line = " ".join(text.split()).replace("|", "\\|")
    return line if len(line) <= width else f"{line[: width - 1]}…"

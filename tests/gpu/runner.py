"""Run parts one after the other, each in a separate process, and remember those that passed.

It needs only the standard library: other packages may not be installed yet when it starts.
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

GRACE_SECONDS = 30.0
PASSED, FAILED, TIMED_OUT, NOT_STARTED = "passed", "failed", "timed out", "not started"
_PYTEST_SUMMARY = re.compile(r"^(?:=+ )?(\d+ (?:passed|failed|skipped|error).*?)(?: =+)?$")
_PYTEST_FAILURE = re.compile(r"^(?:FAILED|ERROR) (.*)$")


@dataclass(frozen=True)
class Part:
    """A Python process to run.

    Attributes:
        name: a unique name, under which its outcome is remembered.
        arguments: the arguments of the interpreter.
        is_table: whether its output is a table that belongs in the report.
    """

    name: str
    arguments: tuple[str, ...]
    is_table: bool = False


@dataclass(frozen=True)
class Outcome:
    """The outcome of a part.

    Attributes:
        outcome: passed, failed, timed out or not started.
        seconds: wall-clock time of the process.
        note: pytest's summary, or the first sign of a failure.
        commit: the commit of the code that ran.
    """

    outcome: str
    seconds: float
    note: str
    commit: str | None = None


class Results:
    """The outcomes of the parts that have run, in a JSON file.

    Outcomes are valid for one device and one set of versions; outcomes from others are ignored.
    """

    def __init__(self, path: Path, conditions: Mapping[str, str], fresh: bool = False) -> None:
        self._path, self._conditions = path, dict(conditions)
        self.outcomes: dict[str, Outcome] = {}
        if fresh or not path.exists():
            return
        saved = json.loads(path.read_text())
        if saved["conditions"] == self._conditions:
            self.outcomes = {name: Outcome(**fields) for name, fields in saved["outcomes"].items()}

    def has_passed(self, part: Part) -> bool:
        """Return whether a part has already passed."""
        return part.name in self.outcomes and self.outcomes[part.name].outcome == PASSED

    def add(self, part: Part, outcome: Outcome) -> None:
        """Remember the outcome of a part; the file is always complete."""
        self.outcomes[part.name] = outcome
        content = {
            "conditions": self._conditions,
            "outcomes": {name: asdict(outcome) for name, outcome in self.outcomes.items()},
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
        parts: the parts, in the order in which they run.
        results: the results of earlier runs, to which every outcome is added.
        folder: the folder for the log of each part.
        environment: the environment variables of the parts.
        budget_seconds: time after which no further part starts; a running part then has
            `GRACE_SECONDS` left.
        limit_seconds: time after which a part is killed.
        commit: the commit of the code.

    Returns:
        name of a part -> its outcome, for every part.
    """
    folder.mkdir(parents=True, exist_ok=True)
    end = time.monotonic() + budget_seconds
    for part in parts:
        if results.has_passed(part):
            print(f"{part.name}: skipped, as it has already passed", flush=True)
        elif time.monotonic() < end:
            print(f"{part.name}: running", flush=True)
            limit = min(limit_seconds, end + GRACE_SECONDS - time.monotonic())
            outcome = _run(part, folder, environment, limit, commit)
            results.add(part, outcome)
            print(f"{part.name}: {outcome.outcome} after {outcome.seconds:.0f} s", flush=True)
        elif part.name not in results.outcomes:
            print(f"{part.name}: not started, the time budget is used up", flush=True)
    note = "the time budget was used up: rerun the command to resume"
    not_started = Outcome(NOT_STARTED, 0.0, note)
    return {part.name: results.outcomes.get(part.name, not_started) for part in parts}


def log_file(folder: Path, part: Part) -> Path:
    """Return the path of a part's log."""
    return folder / f"{part.name.replace(' ', '_')}.log"


def _run(
    part: Part,
    folder: Path,
    environment: Mapping[str, str],
    limit_seconds: float,
    commit: str | None,
) -> Outcome:
    start = time.monotonic()
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
            _kill_group(process)
    seconds = time.monotonic() - start
    text = log.read_text(errors="replace")
    if code is None:
        return Outcome(TIMED_OUT, seconds, f"killed after {limit_seconds:.0f} s", commit)
    if code != 0:
        return Outcome(FAILED, seconds, _reason(text) or f"exit code {code}", commit)
    return Outcome(PASSED, seconds, _summary(text), commit)


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kill whatever a part left running; its children are in its process group."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _summary(text: str) -> str:
    """Return pytest's last line, or "" for a script."""
    matches = [match[1] for line in text.splitlines() if (match := _PYTEST_SUMMARY.match(line))]
    return matches[-1] if matches else ""


def _reason(text: str) -> str:
    """Return the first failure that pytest lists, or the last line, which names an exception."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    failures = [match[1] for line in lines if (match := _PYTEST_FAILURE.match(line))]
    if failures:
        return f"{failures[0]} ({_summary(text)})"
    return lines[-1] if lines else ""


def report(title: str, parts: Sequence[Part], outcomes: Mapping[str, Outcome], folder: Path) -> str:
    """Return the table of all parts, followed by the tables that parts printed, as Markdown."""
    lines = [title, "", "| part | outcome | seconds | note |", "|---|---|--:|---|"]
    commits = {o.commit for o in outcomes.values() if o.outcome != NOT_STARTED}
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
    """Shorten a text so that it fits into a cell of a Markdown table."""
    line = " ".join(text.split()).replace("|", "\\|")
    return line if len(line) <= width else f"{line[: width - 1]}…"

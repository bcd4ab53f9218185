"""The page of all experiments, for which missing and outdated reports are built."""

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.ledger.entries import ExperimentStatus, State, TrialStatus
from orchestrator.settings import Settings, make_folder
from reports.formats.index_page import Card, write_index

if TYPE_CHECKING:
    from orchestrator.ledger.ledger import Ledger

INDEX = "index.html"


def build_index(
    ledger: "Ledger", settings: Settings, out: Path, build_report: Callable[[str], object]
) -> Path:
    """Write the page of all experiments, the newest first.

    Args:
        ledger: the ledger that the experiments are in.
        settings: the folder of the reports.
        out: the folder to write to.
        build_report: a function that builds the report of an experiment.

    Returns:
        the path of the page.
    """
    cards = []
    for experiment in reversed(ledger.experiments()):
        trials = ledger.trials(experiment.name)
        folder = settings.report_folder(experiment.name)
        if _is_outdated(folder, trials):
            build_report(experiment.name)
        cards.append(_make_card(experiment, trials, folder))
    path = make_folder(out) / INDEX
    write_index(cards, path)
    return path


def _is_outdated(folder: Path, trials: Sequence[TrialStatus]) -> bool:
    """Return whether a trial has finished since the report was written."""
    report = folder / "report.md"
    written_at = report.stat().st_mtime if report.is_file() else 0.0
    finished = [t.ended_at for t in trials if t.state == State.FINISHED and t.ended_at is not None]
    return any(ended_at.timestamp() > written_at for ended_at in finished)


def _make_card(experiment: ExperimentStatus, trials: Sequence[TrialStatus], folder: Path) -> Card:
    return Card(
        name=experiment.name,
        description=experiment.description,
        state=_describe_state(experiment),
        date=_last_change(experiment, trials).date().isoformat(),
        folder=folder if (folder / "report.html").is_file() else None,
    )


def _describe_state(experiment: ExperimentStatus) -> str:
    """Write how many trials have finished, and how many are in any other state."""
    counts = experiment.counts
    others = [
        f"{counts[state]} {state.lower()}"
        for state in State
        if state != State.FINISHED and counts.get(state)
    ]
    finished = f"{counts.get(State.FINISHED, 0)} of {sum(counts.values())} trials finished"
    return ", ".join([finished, *others])


def _last_change(experiment: ExperimentStatus, trials: Sequence[TrialStatus]) -> datetime:
    ends = [trial.ended_at for trial in trials if trial.ended_at is not None]
    return max(ends, default=experiment.created_at)

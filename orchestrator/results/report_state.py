"""Whether a report still shows what the ledger holds: a submit of finished trials then skips it."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import orchestrator.results
import reports
from orchestrator.ledger.entries import ExperimentStatus, State, TrialStatus


def report_state(
    experiment: ExperimentStatus, trials: Sequence[TrialStatus], pictures: bool
) -> str | None:
    """Return a digest of all that decides a finished experiment's report; None while it runs.

    Args:
        experiment: the experiment.
        trials: all of its trials.
        pictures: whether the report shows frames of the dataset.
    """
    if not trials or any(trial.state != State.FINISHED for trial in trials):
        return None
    content = {
        "plan": [experiment.source, experiment.published, experiment.earlier_seeds],
        "trials": [(t.trial_id, t.cell, t.run_id, t.attempts) for t in trials],
        "pictures": pictures,
        "code": _newest_change(),
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _newest_change() -> float:
    """Return when the code of reports was last changed."""
    folders = [*reports.__path__, *orchestrator.results.__path__]
    return max(file.stat().st_mtime for folder in folders for file in Path(folder).rglob("*.py"))


def is_reported(experiment: ExperimentStatus, trials: Sequence[TrialStatus]) -> bool:
    """Return whether an earlier submit has done all that another one could do."""
    states = {report_state(experiment, trials, pictures) for pictures in (True, False)}
    return experiment.report_state is not None and experiment.report_state in states

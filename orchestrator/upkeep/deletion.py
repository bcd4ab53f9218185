"""The deletion of an experiment: its rows in the ledger, its runs and its trial directories."""

from collections.abc import Sequence

from orchestrator.ledger.entries import Deletion, tag_of
from orchestrator.settings import Settings
from orchestrator.stores import Stores


def delete_experiment(name: str, stores: Stores, settings: Settings) -> tuple[Deletion, int]:
    """Delete an experiment; trials that another experiment lists stay, as does the report.

    If it is interrupted, running it again or `clean` completes it.

    Returns:
        what was deleted, and the number of its runs that MLflow lacked.

    Raises:
        UserError: if there is no such experiment, or a live driver holds one of its trials.
    """
    ledger, tracker = stores.ledger, stores.tracker
    experiment = ledger.experiment(name)
    planned = ledger.upkeep.plan_deletion(name)
    for trial in planned.shared:
        if trial.run_id is not None:
            tracker.untag(trial.run_id, tag_of(name, trial.is_sample))
    run_ids = list(filter(None, [experiment.run_id, *(trial.run_id for trial in planned.own)]))
    lost_runs = sum(not tracker.has_run(run_id) for run_id in run_ids)
    tracker.delete_runs(run_ids)
    deletion = ledger.upkeep.delete(name)
    remove_directories([trial.trial_id for trial in deletion.own], settings)
    return deletion, lost_runs


def remove_directories(trial_ids: Sequence[str], settings: Settings) -> None:
    """Remove trial directories from the storage; missing ones are skipped."""
    for trial_id in trial_ids:
        settings.storage.remove(trial_id)

"""The states in which samples of a search stopped, which are of no use once it is over.

A sample that goes on past a milestone after all, as more samples were asked for or a failed one is
tried again, is then trained from its beginning, with the same result.
"""

from orchestrator.storage import Storage
from orchestrator.stores import Stores
from vss.trial_directory import STOPPED_STATE


def remove_stopped_states(stores: Stores, experiment: str | None = None) -> int:
    """Remove the states of samples whose search is over in every experiment; count them.

    Args:
        stores: the ledger, and the settings with the storage.
        experiment: the experiment whose samples are looked at; None for all.

    Raises:
        OSError: if the storage does not answer.
    """
    trial_ids = stores.ledger.upkeep.find_stopped_samples(experiment)
    return sum(_remove_state(trial_id, stores.settings.storage) for trial_id in trial_ids)


def _remove_state(trial_id: str, storage: Storage) -> int:
    keys = [key for key in storage.list_files(trial_id) if key.split("/")[-1] == STOPPED_STATE]
    for key in keys:
        if storage.folder is not None:
            (storage.folder / trial_id / key).unlink(missing_ok=True)
        else:
            storage.delete(f"{trial_id}/{key}")
    return len(keys)

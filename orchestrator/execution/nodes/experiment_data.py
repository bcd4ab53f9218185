"""The data of an experiment, as far as the driver knows it."""

import functools
import json
from collections.abc import Callable, Mapping
from pathlib import Path

from orchestrator.execution.nodes.data_source import DataSource
from orchestrator.settings import Settings, find_data
from orchestrator.spec.experiment import Experiment
from orchestrator.storage import Storage
from vss import catalog
from vss.data.dataset import load_dataset
from vss.errors import UserError
from vss.trial_config import TrialConfig


class ExperimentData:
    """The data of an experiment: where workers look for it, and its fingerprint.

    Args:
        experiment: the experiment, whose trials name the datasets.
        paths: dataset -> folder, from the command line.
        settings: the settings, whose `data` is the second place to look.
        on_cluster: whether other machines run the trials; this one may then lack the data.

    Raises:
        UserError: if a dataset has no folder, unless other machines may have it.
    """

    def __init__(
        self,
        experiment: Experiment,
        paths: Mapping[str, Path],
        settings: Settings,
        on_cluster: bool = False,
    ) -> None:
        self._options = paths
        self._on_cluster = on_cluster
        self._find_here = functools.partial(find_data, paths=paths, settings=settings)
        self._files = experiment.files_by_digest
        self._paths: dict[str, Path | None] = {}
        self._fingerprints: dict[str, str] = {}
        self._trials = (*experiment.trials, *experiment.later_trials)
        for dataset in sorted({trial.config.dataset for trial in self._trials}):
            self._paths[dataset] = self._find(dataset)

    def source(self, config: TrialConfig) -> DataSource:
        """Return where a worker finds the data of a trial."""
        digest = config.dataset_file or None
        option = self._options.get(config.dataset)
        if option is not None:
            option = option.absolute()
        return DataSource(config.dataset, digest, option, self._path_here(config))

    def fingerprint(self, config: TrialConfig) -> str:
        """Return the fingerprint of a trial's data, which is read once for all that share it.

        Raises:
            UserError: if it is neither on this machine nor was it found elsewhere.
        """
        key = _key(config)
        if key not in self._fingerprints:
            path = self._path_here(config)
            if path is None and catalog.DATASETS[config.dataset].needs_path:
                raise UserError(f"this machine does not have dataset '{config.dataset}'")
            self._fingerprints[key] = load_dataset(config, path).fingerprint
        return self._fingerprints[key]

    def find_elsewhere(
        self,
        started: Callable[[], Mapping[str, str]],
        read: Callable[[TrialConfig, DataSource], str],
    ) -> None:
        """Find the fingerprints of data that this machine does not have.

        Args:
            started: returns trial_id -> fingerprint, for trials that have started: their data must
                not change any more.
            read: asks a machine that has the data.
        """
        if not self._on_cluster:
            return
        missing = [trial for trial in self._trials if not self._is_known(trial.config)]
        recorded = started() if missing else {}
        for trial in missing:
            if trial.trial_id in recorded:
                self._fingerprints.setdefault(_key(trial.config), recorded[trial.trial_id])
        for trial in missing:
            if _key(trial.config) not in self._fingerprints:
                fingerprint = read(trial.config, self.source(trial.config))
                self._fingerprints[_key(trial.config)] = fingerprint

    def has_all(self, config: TrialConfig, data_fingerprint: str) -> bool:
        """Return whether the files of a trial are here, and its data is not known to differ."""
        names = (config.weights, config.dataset_file or "")
        digests = {name for name in names if name.startswith("sha256:")}
        if not digests <= self._files.keys():
            return False
        if not self._is_known(config):
            return self._on_cluster  # a worker checks it
        return self.fingerprint(config) == data_fingerprint

    def _is_known(self, config: TrialConfig) -> bool:
        try:
            self.fingerprint(config)
        except UserError:
            return False
        return True

    def _path_here(self, config: TrialConfig) -> Path | None:
        """Return the folder of a trial's dataset, the file that describes it, or None."""
        if config.dataset_file:
            return self._files[config.dataset_file]
        if config.dataset not in self._paths:
            self._paths[config.dataset] = self._find(config.dataset)
        return self._paths[config.dataset]

    def _find(self, dataset: str) -> Path | None:
        try:
            return self._find_here(dataset)
        except UserError:
            if self._on_cluster and catalog.DATASETS[dataset].needs_path:
                return None
            raise


def store_files(experiment: Experiment, storage: Storage) -> None:
    """Put into the storage what machines of a cluster may lack: initial weights."""
    for digest in {trial.config.weights for trial in experiment.trials}:
        if digest in experiment.files_by_digest:
            storage.add_file(experiment.files_by_digest[digest], digest)


def _key(config: TrialConfig) -> str:
    """Return a key that trials share if they use the same data in the same way."""
    return json.dumps([config.dataset, config.chosen_options("dataset")])

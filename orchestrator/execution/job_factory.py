"""Build jobs from claimed trials: find data, weights and teachers, and tag the runs."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path

from orchestrator.execution.job import Job, Tracking
from orchestrator.ledger.entries import Claim
from orchestrator.settings import Settings, find_data
from orchestrator.spec.experiment import Experiment, PlannedTrial
from vss.data.dataset import load_dataset
from vss.training.inputs import Compute, TrialInputs
from vss.trial_config import TrialConfig, parse_settings

_SMOKE_STEPS = 2
_SMOKE_FRAMES = 4


class ExperimentData:
    """The data of an experiment on this machine.

    Args:
        experiment: its trials name the datasets.
        paths: dataset -> folder, from the command line.
        settings: their `data` is the second place to look.

    Raises:
        UserError: if a dataset has no folder.
    """

    def __init__(
        self, experiment: Experiment, paths: Mapping[str, Path], settings: Settings
    ) -> None:
        names = {trial.config.dataset for trial in experiment.trials}
        self._paths = {name: find_data(name, paths, settings) for name in sorted(names)}
        self._descriptions = experiment.files_by_digest
        self._fingerprints: dict[str, str] = {}

    def path(self, config: TrialConfig) -> Path | None:
        """Return the folder of a trial's dataset, the file that describes it, or None."""
        return self._descriptions.get(config.dataset_file or "") or self._paths[config.dataset]

    def fingerprint(self, config: TrialConfig) -> str:
        """Return the fingerprint of a trial's data, which is read once for all that share it."""
        key = json.dumps([config.dataset, config.chosen_options("dataset")])
        if key not in self._fingerprints:
            self._fingerprints[key] = load_dataset(config, self.path(config)).fingerprint
        return self._fingerprints[key]


class JobFactory:
    """A factory for an experiment's jobs.

    Args:
        experiment: the trials, their resources and files.
        data: where the datasets are.
        settings: folders and addresses.
        trials_on_device: trials that may share a GPU, or the cores of a machine.
        stop_file: tells the workers to stop.
    """

    def __init__(
        self,
        experiment: Experiment,
        data: ExperimentData,
        settings: Settings,
        trials_on_device: int,
        stop_file: Path,
    ) -> None:
        self._experiment = experiment
        self._data = data
        self._settings = settings
        self._trials_on_device = trials_on_device
        self._stop_file = stop_file
        self._trials = experiment.trial_by_id

    def job(self, claim: Claim, membership: Mapping[str, str]) -> Job:
        """Make the job of a claimed trial.

        Args:
            claim: the right to run it.
            membership: experiment -> cell, for all experiments that the trial belongs to.
        """
        trial, settings = self._trials[claim.trial_id], self._settings
        tracking = Tracking(
            uri=settings.tracking_uri,
            artifacts=settings.artifacts,
            run_id=claim.run_id,
            run_name=f"{trial.cell}, seed {trial.config.seed}",
            tags={f"experiment/{name}": cell for name, cell in membership.items()},
        )
        return self._job(self._inputs(trial, claim.attempt), tracking)

    def smoke_job(self, cell: str, folder: Path) -> Job:
        """Make a job of two steps of a cell, tracked nowhere, that writes into `folder`."""
        config = self._experiment.cells[cell]
        steps = min(_SMOKE_STEPS, config.steps)  # 0 stays 0: such a cell is only scored
        inputs = dataclasses.replace(
            self._inputs(self._trials[config.trial_id], attempt=1),
            config=parse_settings({**config.settings(), "steps": steps, "eval_every": 1}),
            storage=folder,
            teacher_weights=None,
            max_scored_frames=_SMOKE_FRAMES,
        )
        return self._job(inputs, tracking=None)

    def _job(self, inputs: TrialInputs, tracking: Tracking | None) -> Job:
        resources = self._experiment.resources
        return Job(inputs, resources.cpus, resources.gpus, self._stop_file, tracking)

    def _inputs(self, trial: PlannedTrial, attempt: int) -> TrialInputs:
        config, settings, resources = trial.config, self._settings, self._experiment.resources
        is_student = config.teacher != "none"
        return TrialInputs(
            config=config,
            storage=settings.storage,
            cache=settings.cache,
            data=self._data.path(config),
            data_fingerprint=self._data.fingerprint(config),
            weights=self._experiment.files_by_digest.get(config.weights),
            teacher=self._trials[config.teacher].config if is_student else None,
            teacher_weights=(
                settings.storage / config.teacher / "weights.safetensors" if is_student else None
            ),
            attempt=attempt,
            compute=Compute.from_resources(resources.cpus, resources.gpus),
            trials_on_device=self._trials_on_device,
        )

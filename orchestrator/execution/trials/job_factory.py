"""Build jobs from claimed trials: find weights and teachers, and tag the runs."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.execution.job import Job, SlotSize, Tracking
from orchestrator.execution.nodes.experiment_data import ExperimentData
from orchestrator.ledger.entries import Claim, OpenTrial
from orchestrator.secrecy.addresses import without_password
from orchestrator.settings import Settings
from orchestrator.spec.experiment import Experiment
from orchestrator.storage import WEIGHTS, Storage
from vss.errors import UserError
from vss.training.inputs import Compute, TrialInputs
from vss.trial_config import TrialConfig, parse_settings
from vss.trial_directory import STOPPED_STATE

_MOST_SCORED_FRAMES = 4  # of a brief job
_PICTURED_FRAMES = 3


@dataclass(frozen=True)
class Slots:
    """The slots that the trials of an experiment run in.

    Attributes:
        regular: the size that the spec asks for.
        alone: the size that leaves no room for another trial on the same device.
        on_device: number of regular slots that may share a GPU, or the cores of a machine.
    """

    regular: SlotSize
    alone: SlotSize
    on_device: int


class JobFactory:
    """A factory for an experiment's jobs.

    Args:
        experiment: the trials, their resources and files.
        data: the experiment's data.
        settings: folders and addresses.
        slots: the slots that its trials run in.
    """

    def __init__(
        self,
        experiment: Experiment,
        data: ExperimentData,
        settings: Settings,
        slots: Slots,
    ) -> None:
        self._experiment = experiment
        self._data = data
        self._settings = settings
        self._slots = slots
        self._configs = {trial.trial_id: trial.config for trial in experiment.trials}
        self._joined_fingerprints: dict[str, str] = {}  # of trials that joined later
        self._unrunnable: set[str] = set()

    def slot_size(self, alone: bool) -> SlotSize:
        """Return the share of a machine that a trial needs.

        Args:
            alone: whether it may share its device with no other trial.
        """
        return self._slots.alone if alone else self._slots.regular

    def can_run(self, trial_id: str) -> bool | None:
        """Return whether all that a trial needs is here; None if the trial has yet to be added."""
        if trial_id in self._configs:
            return True
        return False if trial_id in self._unrunnable else None

    def add(self, trial_id: str, settings: Mapping[str, Any], data_fingerprint: str) -> bool:
        """Add a trial that joined the experiment after this driver started.

        Args:
            trial_id: the trial.
            settings: its settings, from the ledger.
            data_fingerprint: fingerprint that its data must have.

        Returns:
            whether this driver can run it: if it lacks a file, has different data or does not know
            a setting, only the submit that added the trial can.
        """
        try:
            config = parse_settings(dict(settings))
        except UserError:  # a newer version of the program has added it
            config = None
        if config is None or not self._data.has_all(config, data_fingerprint):
            self._unrunnable.add(trial_id)
            return False
        self._configs[trial_id] = config
        self._joined_fingerprints[trial_id] = data_fingerprint
        return True

    def job(
        self, claim: Claim, trial: OpenTrial, tags: Mapping[str, str], alone: bool = False
    ) -> Job:
        """Make the job of a claimed trial.

        Args:
            claim: the right to run it.
            trial: the trial in this experiment.
            tags: tags of its run, which name its cell in all experiments that it belongs to.
            alone: whether it may share its device with no other trial.
        """
        config, settings = self._configs[claim.trial_id], self._settings
        tracking = Tracking(
            uri=without_password(settings.tracking_uri),  # the worker finds it in its environment
            artifacts=settings.artifacts,
            run_id=claim.run_id,
            run_name=trial.name,
            tags=tags,
        )
        fingerprint = self._joined_fingerprints.get(claim.trial_id)
        inputs = dataclasses.replace(
            self._inputs(config, claim.attempt, alone),
            data_fingerprint=fingerprint or self._data.fingerprint(config),
            pictured_frames=_PICTURED_FRAMES if self._experiment.logs_pictures else 0,
            stopped_state=None if trial.sample is None else self._find_stopped_state(config),
        )
        source = self._data.source(config)
        labels = {"experiment": self._experiment.name, "cell": trial.cell, "seed": str(config.seed)}
        size, storage = self.slot_size(alone), self._settings.storage
        return Job(inputs, size, storage, source, tracking, labels)

    def brief_job(self, cell: str, steps: int, storage: Storage | None = None) -> Job:
        """Make a job of a few steps of a cell that is tracked nowhere.

        Args:
            cell: the cell.
            steps: number of steps, at most.
            storage: the storage of its trial directory; None to keep nothing.
        """
        config = self._experiment.cells[cell]
        steps = min(steps, config.steps)  # 0 stays 0: such a cell is only scored
        changes = {"steps": steps, "stop_step": 0, "eval_every": 1}
        inputs = self._inputs(config, attempt=1)
        inputs = dataclasses.replace(
            inputs,
            config=parse_settings({**config.settings(), **changes}),
            weights=None if "weights" in config.sources else inputs.weights,
            teacher_weights=None,
            max_scored_frames=_MOST_SCORED_FRAMES,
        )
        source = self._data.source(config)
        return Job(inputs, self._slots.regular, storage=storage, data=source)

    def _find_stopped_state(self, config: TrialConfig) -> Path | None:
        """Return where in the storage the state is from which a sample goes on, if from any."""
        tuning = self._experiment.tuning
        earlier = tuning and tuning.tune.earlier_stop(config.last_step, config.steps)
        if not earlier:
            return None
        stopped = parse_settings({**config.settings(), "stop_step": earlier})
        return Path(stopped.trial_id, STOPPED_STATE)

    def _inputs(self, config: TrialConfig, attempt: int, alone: bool = False) -> TrialInputs:
        size = self._slots.regular
        # Those of trials are paths in the storage.
        trained = {setting: Path(source, WEIGHTS) for setting, source in config.sources.items()}
        weights = self._experiment.files_by_digest.get(config.weights)
        return TrialInputs(
            config=config,
            storage=Path(),  # this and the cache are for the worker to choose
            cache=Path(),
            weights=trained.get("weights", weights),
            teacher=self._configs[config.teacher] if "teacher" in trained else None,
            teacher_weights=trained.get("teacher"),
            attempt=attempt,
            compute=Compute.from_resources(size.cpus, size.gpus),
            trials_on_device=1 if alone else self._slots.on_device,
        )

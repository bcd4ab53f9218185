"""What a submit records in the ledger: its experiment at first, later what the stages add."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace

from orchestrator.execution.nodes.data_source import DataSource
from orchestrator.execution.nodes.experiment_data import ExperimentData
from orchestrator.execution.stages.stage import open_stages
from orchestrator.ledger.driver import Driver
from orchestrator.ledger.entries import Changes, ExperimentEntry, Member, State, tag_of
from orchestrator.secrecy import redact
from orchestrator.spec.experiment import Experiment
from orchestrator.spec.trial_builder import PlannedTrial
from orchestrator.stores import Stores
from orchestrator.terminal.counts import count_of
from orchestrator.upkeep.stopped_states import remove_stopped_states
from vss.errors import UserError
from vss.trial_config import TrialConfig
from vss.untrusted.messages import list_briefly


class Registration:
    """An experiment in the ledger, as far as its stages have got.

    Attributes:
        experiment: the experiment with the trials so far.
    """

    def __init__(
        self,
        experiment: Experiment,
        data: ExperimentData,
        stores: Stores,
        read_fingerprint: Callable[[TrialConfig, DataSource], str],
    ) -> None:
        """Find out how far the experiment has got, without recording anything.

        Args:
            experiment: the experiment as its spec begins it.
            data: its data.
            stores: the ledger and MLflow.
            read_fingerprint: asks a machine that has the data.
        """
        self._stages = open_stages(experiment, stores)
        self.experiment = self._stages.resume(experiment)
        self._data = data
        self._stores = stores
        self._read_fingerprint = read_fingerprint

    def list_unfinished(self) -> list[str]:
        """Return the ids of the trials so far that have not finished."""
        finished = self._finished_runs()
        return [t.trial_id for t in self.experiment.trials if t.trial_id not in finished]

    def check_runs(self) -> None:
        """Check that MLflow is the store that the trials so far were tracked in.

        Raises:
            UserError: if it cannot be reached, or has neither the experiment's run nor any of the
                trials that have finished, in this spec or in the one before.
        """
        tracker, ledger, name = self._stores.tracker, self._stores.ledger, self.experiment.name
        finished, own_ids = self._finished_runs(), []
        if name in ledger.names():
            own_ids = list(filter(None, [ledger.experiment(name).run_id]))
            recorded = ledger.trials(name)
            finished |= {t.trial_id: t.run_id for t in recorded if t.state == State.FINISHED}
        run_ids = list(filter(None, finished.values()))
        if run_ids and not any(map(tracker.has_run, [*own_ids, *run_ids])):
            raise UserError(
                f"MLflow at {redact(tracker.uri)} has no run of the "
                f"{count_of(len(run_ids), 'finished trial')} of '{self.experiment.name}': set "
                "MLFLOW_TRACKING_URI to the store that has them, or train them again with another "
                "VSS_HOME"
            )

    def _finished_runs(self) -> dict[str, str | None]:
        trial_ids = [trial.trial_id for trial in self.experiment.trials]
        return self._stores.ledger.finished_runs(trial_ids)

    def is_recorded(self) -> bool:
        """Return whether the ledger has this spec and these trials: `record` changes nothing."""
        ledger, name = self._stores.ledger, self.experiment.name
        if name not in ledger.names() or ledger.experiment(name).source != self.experiment.source:
            return False
        listed, recorded = self._listed_trials(), ledger.trials(name)
        return {(t.trial_id, t.cell) for t in listed} == {(t.trial_id, t.cell) for t in recorded}

    def record(self) -> bool:
        """Record the experiment in the ledger; a driver that runs it sees what has changed.

        Returns:
            whether trials with a run have joined or left it.
        """
        experiment, ledger = self.experiment, self._stores.ledger
        listed = self._listed_trials()
        trial_ids = [trial.trial_id for trial in listed]
        self._data.find_elsewhere(
            lambda: ledger.started_fingerprints(trial_ids), self._read_fingerprint
        )
        later_ids = {trial.trial_id for trial in experiment.later_trials}
        members = [self._member(trial, trial.trial_id in later_ids) for trial in listed]
        changes = ledger.add(ExperimentEntry.from_experiment(experiment), members)
        ledger.upkeep.reopen(experiment.name)
        self._tag_runs(changes)
        return bool(changes.joined or changes.left)

    def start_next_stage(self) -> bool:
        """Go on to the next stage before the experiment is recorded; return whether there is one.

        `record` then records its trials too.
        """
        grown = self._find_next()
        self.experiment = grown or self.experiment
        return grown is not None

    def grow(self, driver: Driver, say: Callable[[str], None] = lambda line: None) -> bool:
        """Record the trials of the next stage; return whether there are any.

        Args:
            driver: this process, which must have the lease of the experiment.
            say: a function that prints a line: how many trials follow, and of which cells.
        """
        name = self.experiment.name
        if not self._stages.are_due(self.experiment) or not driver.take_lease(name):
            return False
        with suppress(OSError):  # the next stage or `clean` does it
            remove_stopped_states(self._stores, name)
        driver.set_activity("comparing the scores so far, to choose the next trials")
        grown = self._find_next()
        driver.set_activity(None)
        if grown is None:
            return False
        earlier = self.experiment.trial_by_id
        joining = [trial for trial in grown.trials if trial.trial_id not in earlier]
        members, cells = list(map(self._member, joining)), list(grown.cells)
        self._tag_runs(self._stores.ledger.extend(name, members, cells))
        self.experiment = grown
        say(_describe(joining))
        return True

    def has_next_stage(self) -> bool:
        """Return whether more trials would follow now, as all so far have ended."""
        return self._find_next() is not None

    def _find_next(self) -> Experiment | None:
        """Return the experiment with the trials of its next stage, if the budget allows any."""
        self.experiment = self._stages.resume(self.experiment)  # another driver may have been here
        grown = self._stages.next_trials(self.experiment)
        budget = self._stores.ledger.budget(self.experiment.name)
        if grown is None or budget is None:
            return grown
        # The budget may have been raised, which the ledger learns when it is recorded.
        is_used_up = replace(budget, limits=self.experiment.budget).is_used_up
        return None if is_used_up else grown

    def _listed_trials(self) -> Sequence[PlannedTrial]:
        """Return the trials so far, and those to come."""
        return self.experiment.joined_by([t.trial_id for t in self.experiment.later_trials]).trials

    def _member(self, trial: PlannedTrial, is_later: bool = False) -> Member:
        return Member(trial, self._data.fingerprint(trial.config), is_later)

    def _tag_runs(self, changes: Changes) -> None:
        """Tag the runs of trials that joined the experiment, and untag those that left it."""
        name = self.experiment.name
        for run_id, cell in changes.joined.items():
            self._stores.tracker.tag(run_id, tag_of(name, run_id in changes.samples), cell)
        for run_id in changes.left:
            self._stores.tracker.untag(run_id, tag_of(name, run_id in changes.samples))


def _describe(joining: Sequence[PlannedTrial]) -> str:
    """Return what follows: "4 more trials: fcn, tma (seeds 3, 4)"."""
    samples = [trial for trial in joining if trial.sample is not None]
    study = [trial for trial in joining if trial.sample is None]
    parts = []
    if samples:
        numbers = sorted({trial.sample or 0 for trial in samples})
        parts.append(_describe_part(samples, "more sample", "sample", numbers))
    if study:
        numbers = sorted({trial.config.seed for trial in study})
        parts.append(_describe_part(study, "more trial", "seed", numbers))
    return "; ".join(parts)


def _describe_part(
    joining: Sequence[PlannedTrial], noun: str, kind: str, numbers: Sequence[int]
) -> str:
    cells = list_briefly(dict.fromkeys(trial.cell for trial in joining))
    plural = kind if len(numbers) == 1 else f"{kind}s"
    return f"{count_of(len(joining), noun)}: {cells} ({plural} {list_briefly(numbers)})"

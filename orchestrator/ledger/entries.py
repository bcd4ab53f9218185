"""The values that the ledger stores and returns; no database."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from orchestrator.ledger.availability.pause import Pause
from orchestrator.ledger.overview.labels import label_trial, name_trial

if TYPE_CHECKING:
    from orchestrator.ledger.overview.budget_status import BudgetStatus

    # It builds models, which takes longer than the queries of `status`.
    from orchestrator.spec.experiment import Experiment
    from orchestrator.spec.trial_builder import PlannedTrial

PublishedByCell = Mapping[str, Mapping[str, float]]


class State(StrEnum):
    """The state of a trial or of an attempt; FINISHED is final, submit resumes all others."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    FINISHED = "FINISHED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


OPEN_STATES = (State.PENDING, State.RUNNING)


def tag_of(experiment: str, is_sample: bool) -> str:
    """Return the tag that names the cell of a run in an experiment."""
    return f"{'search' if is_sample else 'experiment'}/{experiment}"


@dataclass(frozen=True)
class ExperimentEntry:
    """An experiment to record in the ledger.

    Attributes:
        source: the text of its spec.
        baseline: the cell that the others are compared with.
        published: cell -> its published results.
        margin_points: the largest difference in points of mIoU that does not matter; None if not
            stated.
        seeds: all planned seeds; empty if the plan is unknown.
        looks: the number of seeds at each planned look; empty if the seeds are a list.
        budget: unit (gpu_hours, trial_hours) -> hours after which no trial starts.
    """

    name: str
    description: str = ""
    source: str = ""
    baseline: str = ""
    published: PublishedByCell = field(default_factory=dict)
    margin_points: float | None = None
    seeds: Sequence[int] = ()
    looks: Sequence[int] = ()
    budget: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def from_experiment(cls, experiment: "Experiment") -> "ExperimentEntry":
        """Return the entry of a checked spec."""
        return cls(
            name=experiment.name,
            description=experiment.description,
            source=experiment.source,
            baseline=experiment.baseline,
            published=experiment.published,
            margin_points=experiment.margin_points,
            seeds=experiment.seeds,
            looks=experiment.looks,
            budget=experiment.budget,
        )


@dataclass(frozen=True)
class Member:
    """A trial of an experiment.

    Attributes:
        data_fingerprint: the fingerprint of the data it would be trained on now.
        is_later: whether it stays in the experiment only if it has joined it before.
    """

    trial: "PlannedTrial"
    data_fingerprint: str
    is_later: bool = False


@dataclass(frozen=True)
class ImportedTrial:
    """A trial that was trained on a machine without access to the ledger.

    Attributes:
        member: the trial, and the fingerprint of the data it was trained on.
        position: its position among the experiment's trials.
        run_id: the id of its MLflow run.
        last_attempt: the number of its last attempt.
        score: mIoU on the scored split.
    """

    member: Member
    position: int
    run_id: str
    last_attempt: int
    score: float | None = None


@dataclass(frozen=True)
class Changes:
    """The changes in an experiment's runs after it was recorded again.

    Attributes:
        joined: run id -> cell, for trials that joined the experiment or moved to another cell.
        left: the run ids of trials that left it.
        samples: those of all these run ids whose trials belong to its search.
    """

    joined: Mapping[str, str]
    left: Sequence[str]
    samples: Collection[str] = frozenset()


@dataclass(frozen=True)
class TrialStatus:
    """The state of a trial in an experiment.

    Attributes:
        state: its state; PENDING also if it was running when its driver was lost.
        attempts: the number of times that a worker started it.
        first_step: the step at which the newest attempt began; the time left follows from it and
            from started_at.
        ended_at: when the newest attempt ended; None while it runs.
        score: mIoU on the scored split, once finished. Only for the live view and `status`: reports
            read it from MLflow.
        waiting_for: the service that it waits for while it runs, or None.
        sample: its number among the samples of its cell, if it belongs to the search of the
            experiment; None for a trial of the study.
    """

    trial_id: str
    cell: str
    seed: int
    settings: Mapping[str, Any]
    state: State
    attempts: int
    message: str | None
    run_id: str | None
    step: int
    loss: float | None
    miou: float | None
    first_step: int
    started_at: datetime | None
    heartbeat_at: datetime | None
    ended_at: datetime | None = None
    score: float | None = None
    waiting_for: Pause | None = None
    sample: int | None = None

    @property
    def name(self) -> str:
        """Its cell, and its seed or the number of its sample."""
        return name_trial(self.cell, self.seed, self.sample)

    @property
    def label(self) -> str:
        """Its part of the name EXPERIMENT:CELL:SEED: its seed, or "sample 0" in a search."""
        return label_trial(self.seed, self.sample)

    @property
    def is_failure(self) -> bool:
        """Whether it is a trial of the study that failed; a sample that fails only scores worst."""
        return self.state == State.FAILED and self.sample is None

    @property
    def last_step(self) -> int:
        """The step at which it ends, which may be before the end of its schedule."""
        return int(self.settings.get("stop_step") or self.settings["steps"])


class SourceTrial(NamedTuple):
    """A trial that another one depends on.

    Attributes:
        setting: the setting of the other one that names it: `teacher` or `weights`.
        state: its state; None if the ledger lacks it.
    """

    trial_id: str
    setting: str
    state: State | None

    def describe(self) -> str:
        """Return what it is to the other one, with its possessive."""
        return "its teacher" if self.setting == "teacher" else "the trial that trains its weights"


class OpenTrial(NamedTuple):
    """A trial of an experiment that has not ended; a tuple, as drivers read thousands of them.

    Attributes:
        driver: the id of the driver that claimed it last, or None.
        is_elsewhere: whether another live driver has claimed it.
        sources: the trials that must finish before it starts.
        sample: as in `TrialStatus`.
    """

    trial_id: str
    cell: str
    seed: int
    driver: str | None
    is_elsewhere: bool
    sources: tuple[SourceTrial, ...] = ()
    sample: int | None = None

    @property
    def name(self) -> str:
        """Its cell, and its seed or the number of its sample."""
        return name_trial(self.cell, self.seed, self.sample)

    def can_start(self) -> bool:
        """Return whether nothing has to happen before it starts."""
        return not self.is_elsewhere and all(
            source.state in (None, State.FINISHED) for source in self.sources
        )

    def find_source(self, state: State) -> SourceTrial | None:
        """Return a source that is in a state, or None if none is."""
        return next((source for source in self.sources if source.state == state), None)


@dataclass(frozen=True)
class ExperimentStatus:
    """An experiment in the ledger, with the number of its trials in each state.

    Attributes:
        margin_points, seeds, looks: as in `ExperimentEntry`.
        earlier_seeds: the seeds that were planned before the plan changed for the first time after
            a trial had finished; empty if it never did.
        report_state: digest of what the last submit's report shows; None if it was incomplete.
        counts: the number of its trials in each state; abandoned ones are PENDING.
        priority: the highest one of the trials that have not ended; 0 if all have.
        drivers: the live drivers that have claimed its trials, with host and process.
        budget: its budget and what is spent of it; None if it has none.
    """

    name: str
    description: str
    source: str
    baseline: str
    run_id: str | None
    created_at: datetime
    counts: Mapping[State, int] = field(default_factory=dict)
    published: PublishedByCell = field(default_factory=dict)
    margin_points: float | None = None
    seeds: Sequence[int] = ()
    looks: Sequence[int] = ()
    earlier_seeds: Sequence[int] = ()
    report_state: str | None = None
    priority: int = 0
    drivers: Sequence[str] = ()
    budget: "BudgetStatus | None" = None


@dataclass(frozen=True)
class Claim:
    """The right to run a trial once, as the attempt with number `attempt`."""

    trial_id: str
    attempt: int
    run_id: str | None


@dataclass(frozen=True)
class StoredTrial:
    """A trial in the ledger, whichever experiments list it."""

    trial_id: str
    state: State
    run_id: str | None
    is_sample: bool = False  # in the experiment that is asked about


@dataclass(frozen=True)
class Deletion:
    """What the deletion of an experiment affects.

    Attributes:
        own: the trials that only this experiment lists; they are deleted with it.
        shared: the trials that another experiment lists too; they stay.
    """

    own: Sequence[StoredTrial]
    shared: Sequence[StoredTrial]

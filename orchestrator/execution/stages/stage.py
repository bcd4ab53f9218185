"""The stages of an experiment: which trials follow when all trials so far have ended.

The driver asks the stages whenever no trial is open any more, records what they answer in the
ledger and goes on; when none of them answers, the experiment is over, and its latency is measured
and its report written, once. What a stage answers depends only on the spec and on what the ledger
and MLflow say: a restarted driver, or another one, goes on at the same place.
"""

from collections.abc import Sequence
from typing import Protocol

from orchestrator.execution.stages.looks import Looks
from orchestrator.execution.stages.tuning.stage import TuningStage
from orchestrator.ledger.entries import OPEN_STATES
from orchestrator.spec.experiment import Experiment
from orchestrator.stores import Stores


class Stage(Protocol):
    """A part of an experiment that adds trials to it."""

    def resume(self, experiment: Experiment, stores: Stores) -> Experiment:
        """Return the experiment with the trials that earlier submits have added.

        The ledger may not know the experiment yet.
        """

    def next_trials(self, experiment: Experiment, stores: Stores) -> Experiment | None:
        """Return the experiment with the trials that follow; None if this stage adds none.

        It is called when every trial of the experiment has ended: it has finished or failed, or has
        been cancelled. It may be called again with the same trials, and then answers the same.
        """


class Stages:
    """The stages of one experiment, in order: the first one that adds trials is the current one."""

    def __init__(self, stages: Sequence[Stage], stores: Stores) -> None:
        self._stages = stages
        self._stores = stores

    def resume(self, experiment: Experiment) -> Experiment:
        """Return the experiment with all trials that earlier submits have added."""
        for stage in self._stages:
            experiment = stage.resume(experiment, self._stores)
        return experiment

    def next_trials(self, experiment: Experiment) -> Experiment | None:
        """Return the experiment with the trials that follow; None if it is over, or goes on."""
        if not self.are_due(experiment):
            return None
        answers = (stage.next_trials(experiment, self._stores) for stage in self._stages)
        return next((answer for answer in answers if answer is not None), None)

    def are_due(self, experiment: Experiment) -> bool:
        """Return whether there are stages, and nothing is left to run of what they added so far."""
        if not self._stages:
            return False
        trials = self._stores.ledger.trials(experiment.name, with_samples=True)
        if experiment.resources.on_failure == "stop" and any(trial.is_failure for trial in trials):
            return False
        return bool(trials) and not any(trial.state in OPEN_STATES for trial in trials)


def open_stages(experiment: Experiment, stores: Stores) -> Stages:
    """Return the stages that the spec of an experiment asks for."""
    stages: list[Stage] = []
    if experiment.tuning is not None:
        stages.append(TuningStage(experiment, experiment.tuning))
    if experiment.looks:
        stages.append(Looks())
    return Stages(stages, stores)

"""The stage that searches: first samples, then, cell by cell, the trials with what was found."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from orchestrator.execution.stages.tuning.ray_tune import RayTune, Searcher, check_installed
from orchestrator.execution.stages.tuning.replay import FAILED, replay
from orchestrator.ledger.entries import State, TrialStatus
from orchestrator.spec.experiment import Experiment
from orchestrator.spec.trial_builder import PlannedTrial
from orchestrator.spec.tuning.tuning import Found, Tuning
from orchestrator.stores import Stores


class TuningStage:
    """The search of all cells that the spec tunes.

    Args:
        experiment: the experiment as its spec begins it, with a trial for every cell and seed.
        tuning: its searches.
        searcher: what proposes samples and ends them.
    """

    def __init__(
        self, experiment: Experiment, tuning: Tuning, searcher: Searcher | None = None
    ) -> None:
        check_installed(tuning.tune)
        self._planned = experiment
        self._tuning = tuning
        self._searcher = searcher or RayTune()

    def resume(self, experiment: Experiment, stores: Stores) -> Experiment:
        """Return the experiment with the trials that the ledger lists, and those that begin it."""
        trials = _read_trials(experiment.name, stores)
        first = self._grow(experiment, {}).trial_by_id
        listed_ids = first.keys() | {trial.trial_id for trial in trials}
        grown = self._grow(experiment, _read_scores(trials))
        return replace(grown, trials=tuple(t for t in grown.trials if t.trial_id in listed_ids))

    def next_trials(self, experiment: Experiment, stores: Stores) -> Experiment | None:
        """Return the experiment with the samples or trials that follow, if any do."""
        scores = _read_scores(_read_trials(experiment.name, stores))
        grown = self._grow(experiment, scores)
        has_grown = not grown.trial_by_id.keys() <= experiment.trial_by_id.keys()
        return grown if has_grown else None

    def _grow(self, experiment: Experiment, scores: Mapping[str, float]) -> Experiment:
        """Return the experiment with all trials that follow from the scores of its samples."""
        samples, settings_by_cell = self._search(scores)
        present = {_name(trial) for trial in (*self._planned.trials, *experiment.trials)}
        planned = map(_name, (*self._planned.trials, *self._planned.later_trials))
        study = self._tuning.build_trials(planned, settings_by_cell)
        trials: list[PlannedTrial] = []
        later: list[PlannedTrial] = []
        for cell in self._planned.cells:
            trials += samples.get(cell, ())
            for trial in study.get(cell, ()):
                (trials if _name(trial) in present else later).append(trial)
        return replace(experiment, trials=tuple(trials), later_trials=tuple(later))

    def _search(self, scores: Mapping[str, float]) -> tuple[dict[str, list[PlannedTrial]], Found]:
        """Return the samples of each cell so far, and the settings that its search has found."""
        samples: dict[str, list[PlannedTrial]] = {}
        settings_by_cell: dict[str, Mapping[str, Any] | None] = {}
        for cell in self._tuning.order():  # teachers first: students learn from tuned ones
            if not self._tuning.can_search(cell, settings_by_cell):
                continue
            progress = replay(
                self._tuning.searches[cell],
                self._tuning.sample_builder(cell, settings_by_cell),
                self._searcher,
                scores,
            )
            samples[cell] = list(progress.samples)
            if progress.is_over:
                settings_by_cell[cell] = progress.settings
        self._searcher.close()
        return samples, settings_by_cell


def _name(trial: PlannedTrial) -> tuple[str, int]:
    return trial.cell, trial.config.seed


def _read_trials(name: str, stores: Stores) -> list[TrialStatus]:
    if not stores.settings.has_ledger:
        return []
    return stores.ledger.trials(name, with_samples=True)


def _read_scores(trials: list[TrialStatus]) -> dict[str, float]:
    """Return the scores of the samples that have ended; a cancelled one may still go on."""
    scores: dict[str, float] = {}
    for trial in trials:
        if trial.sample is not None and trial.state in (State.FINISHED, State.FAILED):
            is_scored = trial.state == State.FINISHED and trial.score is not None
            scores[trial.trial_id] = (trial.score or 0.0) if is_scored else FAILED
    return scores

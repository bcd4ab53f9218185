"""The searches of an experiment as its report sees them: from its spec, the ledger and MLflow."""

from collections.abc import Mapping, Sequence
from typing import Any

from orchestrator.ledger.entries import ExperimentStatus, State, TrialStatus
from orchestrator.spec.file import parse_recorded_spec
from orchestrator.spec.tuning.searches import find_best, name_common
from orchestrator.spec.tuning.tune import Tune
from orchestrator.terminal.counts import count_of
from orchestrator.tracking.tracker import Tracker
from reports.records import SampleRecord, SearchRecord
from vss.errors import UserError

Rungs = Mapping[int, Mapping[int, TrialStatus]]  # last step -> number of a sample -> its trial


def read_searches(
    experiment: ExperimentStatus, samples: Sequence[TrialStatus], tracker: Tracker
) -> list[SearchRecord]:
    """Return the search of each cell that has samples.

    Args:
        experiment: the experiment.
        samples: the trials of its searches.
        tracker: the tracking store with their runs.
    """
    tune = _read_tune(experiment)
    if tune is None or not samples:
        return []
    seconds = _read_seconds(samples, tracker)
    by_cell: dict[str, list[TrialStatus]] = {}
    for sample in samples:
        by_cell.setdefault(sample.cell, []).append(sample)
    return [_search(cell, tune, trials, seconds) for cell, trials in by_cell.items()]


def explain_open_searches(
    trials: Sequence[TrialStatus], samples: Sequence[TrialStatus]
) -> str | None:
    """Return why verdicts are not final if cells still lack settings, else None.

    A cell whose samples have all failed lacks them for good.
    """
    studied = {trial.cell for trial in trials}
    waiting = {s.cell for s in samples if s.state != State.FAILED} - studied
    if not waiting:
        return None
    return f"the search for the settings of {count_of(len(waiting), 'cell')} is not over"


def _read_tune(experiment: ExperimentStatus) -> Tune | None:
    try:
        return parse_recorded_spec(experiment.source).tune
    except UserError:  # a spec of another version, or none
        return None


def _read_seconds(samples: Sequence[TrialStatus], tracker: Tracker) -> dict[str, float]:
    """Return trial_id -> training time, of the samples whose run has one."""
    runs = tracker.read_runs([sample.run_id for sample in samples if sample.run_id])
    return {
        sample.trial_id: runs[sample.run_id].metrics["train_seconds"]
        for sample in samples
        if sample.run_id in runs and "train_seconds" in runs[sample.run_id].metrics
    }


def _search(
    cell: str, tune: Tune, trials: Sequence[TrialStatus], seconds: Mapping[str, float]
) -> SearchRecord:
    rungs: dict[int, dict[int, TrialStatus]] = {}
    for trial in sorted(trials, key=lambda each: each.last_step):
        rungs.setdefault(trial.last_step, {})[trial.sample or 0] = trial
    best = find_best([_scores(rung) for rung in rungs.values()])
    first_steps = next(iter(rungs))
    samples = [
        _sample(number, tune, rungs, seconds, number == best)
        for number in sorted(rungs[first_steps])
    ]
    best_settings = next((sample.settings for sample in samples if sample.is_best), {})
    borders = {name: tune.ranges[name].find_border(value) for name, value in best_settings.items()}
    return SearchRecord(
        cell=cell,
        ranges={name: str(choice) for name, choice in tune.ranges.items()},
        method=tune.method,
        samples_planned=tune.samples,
        steps=int(trials[0].settings["steps"]),
        first_steps=first_steps,
        samples=samples,
        borders={name: border for name, border in borders.items() if border is not None},
        common_cell=name_common(cell) if tune.with_common else None,
    )


def _scores(rung: Mapping[int, TrialStatus]) -> dict[int, float]:
    return {n: trial.score for n, trial in rung.items() if trial.score is not None}


def _sample(
    number: int, tune: Tune, rungs: Rungs, seconds: Mapping[str, float], is_best: bool
) -> SampleRecord:
    """Join the trials of one sample, which went on from one rung to the next."""
    trials = [rung[number] for rung in rungs.values() if number in rung]
    finished = [trial for trial in trials if trial.state == State.FINISHED]
    scores = [trial.score for trial in finished if trial.score is not None]
    times = [seconds[trial.trial_id] for trial in finished if trial.trial_id in seconds]
    settings: dict[str, Any] = {name: trials[0].settings.get(name) for name in tune.ranges}
    return SampleRecord(
        number=number,
        settings=settings,
        steps=max((t.last_step if t in finished else t.step) for t in trials),
        score=scores[-1] if scores else None,
        first_score=trials[0].score,
        train_seconds=max(times, default=None),
        is_best=is_best,
    )

"""One round of jobs as a Ray Tune experiment. Imported after Ray's environment is set.

Tune is the executor, not the memory: every round is a fresh Tuner over an explicit list of jobs,
and the ledger, never Tune's snapshots, knows which trials are finished.
"""

import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ray import tune

from orchestrator.execution.job import Events, Heartbeat, Job, Outcome
from orchestrator.ledger.entries import State


def run_round(
    jobs: Sequence[Job], events: Events, should_stop: Callable[[], bool], folder: Path
) -> None:
    """Run jobs side by side until all have ended, or `should_stop`."""
    watcher = _Watcher(jobs, events, should_stop)
    name = f"round-{time.time_ns()}"

    def resources(config: dict[str, Any]) -> tune.PlacementGroupFactory:
        job = jobs[config["number"]]
        return tune.PlacementGroupFactory([{"CPU": job.cpus, "GPU": job.gpus}])

    def trial_name(trial: Any) -> str:
        job = jobs[trial.config["number"]]
        return f"{job.trial_id}-{job.inputs.attempt}"

    tuner = tune.Tuner(
        tune.with_resources(tune.with_parameters(_run_in_worker, jobs=jobs), resources),
        # When naming trials, Tune replaces objects with placeholders, but keeps numbers.
        param_space={"number": tune.grid_search(list(range(len(jobs))))},
        tune_config=tune.TuneConfig(
            reuse_actors=True,  # importing torch takes longer than many trials do
            trial_name_creator=trial_name,
            trial_dirname_creator=trial_name,
        ),
        run_config=tune.RunConfig(
            name=name,
            storage_path=str(folder),
            verbose=0,
            callbacks=[watcher],
            stop=_Stopper(watcher),
            failure_config=tune.FailureConfig(max_failures=0),  # retries are ours
        ),
    )
    try:
        tuner.fit()
    finally:
        shutil.rmtree(folder / name, ignore_errors=True)


def _run_in_worker(config: dict[str, Any], jobs: Sequence[Job]) -> None:
    from orchestrator.execution.worker import run_job  # torch: in the worker only

    job = jobs[config["number"]]
    outcome = run_job(job, lambda heartbeat: tune.report(asdict(heartbeat)))
    tune.report({"outcome": asdict(outcome)})


class _Watcher(tune.Callback):
    """A callback that passes on the reports of Tune's trials and tracks which are training."""

    def __init__(
        self, jobs: Sequence[Job], events: Events, should_stop: Callable[[], bool]
    ) -> None:
        self.should_stop = should_stop
        self._trial_ids = [job.trial_id for job in jobs]
        self.training: set[str] = set()
        self._events = events
        self._ended: set[str] = set()

    def __getstate__(self) -> dict[str, Any]:
        """Return nothing: Tune pickles its callbacks into snapshots that we never read."""
        return {}

    def _trial_id(self, trial: Any) -> str:
        number: int = trial.config["number"]
        return self._trial_ids[number]

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Mark a trial as training; one that starts after a stop request ends at once."""
        if not self.should_stop():
            self.training.add(self._trial_id(trial))

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        """Pass on a heartbeat, or the outcome."""
        trial_id = self._trial_id(trial)
        if "outcome" in result:
            self.training.discard(trial_id)
            self._ended.add(trial_id)
            self._events.ended(trial_id, Outcome(**result["outcome"]))
        elif "step" in result:
            values = {name: result[name] for name in ("step", "loss", "miou", "run_id")}
            self._events.reported(trial_id, Heartbeat(**values))

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Report a lost worker: killed, out of memory, or its node gone."""
        trial_id = self._trial_id(trial)
        self.training.discard(trial_id)
        if trial_id not in self._ended:
            details = _error_text(trial)
            message = f"the worker was lost: {details.strip().splitlines()[-1]}"
            self._events.ended(trial_id, Outcome(State.FAILED, message, details, retry=True))


class _Stopper(tune.Stopper):
    """A stopper that ends a round once a stop was requested and no trial is training any more."""

    def __init__(self, watcher: _Watcher) -> None:
        self._watcher = watcher

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        return False

    def stop_all(self) -> bool:
        return self._watcher.should_stop() and not self._watcher.training


def _error_text(trial: Any) -> str:
    file = trial.error_file
    text = Path(file).read_text() if file and Path(file).exists() else ""
    return text.strip() or "no reason given"

"""Ray's metrics of trials, for its dashboard and Prometheus, each with "ray_" before its name.

A worker publishes those of its trial, a driver the number of trials in each state. A gauge keeps
its last value for as long as the process lives, also after its trial has ended.
"""

import functools
from collections import Counter
from collections.abc import Sequence

from ray.util.metrics import Gauge

from orchestrator.execution.job import Heartbeat, Job
from orchestrator.ledger.entries import State, TrialStatus

_TRIAL_TAGS = ("experiment", "cell", "seed", "trial")
_DESCRIPTIONS = {
    "vss_trial_step": "Optimiser steps completed",
    "vss_trial_loss": "Newest point of the loss curve",
    "vss_trial_val_miou": "Newest mIoU on val, a fraction",
    "vss_trial_step_seconds": "Mean duration of a step since the last report",
    "vss_trial_data_wait_seconds": "Mean wait of a step for its batch since the last report",
}


def publish_heartbeat(job: Job, heartbeat: Heartbeat) -> None:
    """Publish the progress of a trial; what it does not know yet stays unset."""
    if not job.labels:
        return  # a smoke test
    # Ray takes ASCII only, and fails the trial otherwise: "Größe" becomes "Gr\xf6\xdfe".
    labels = {
        name: text.encode("ascii", "backslashreplace").decode() for name, text in job.labels.items()
    }
    tags = {**labels, "trial": job.trial_id}
    values = (
        heartbeat.step,
        heartbeat.loss,
        heartbeat.miou,
        heartbeat.step_seconds,
        heartbeat.data_wait_seconds,
    )
    for name, value in zip(_DESCRIPTIONS, values, strict=True):
        _trial_gauge(name).set(value, tags)


def publish_states(experiment: str, trials: Sequence[TrialStatus]) -> None:
    """Publish the number of an experiment's trials in each state."""
    counts = Counter(trial.state for trial in trials)
    for state in State:
        _state_gauge().set(counts[state], {"experiment": experiment, "state": state.value})


@functools.cache
def _trial_gauge(name: str) -> Gauge:
    return Gauge(name, _DESCRIPTIONS[name], _TRIAL_TAGS)


@functools.cache
def _state_gauge() -> Gauge:
    return Gauge("vss_trials", "Trials in each state", ("experiment", "state"))

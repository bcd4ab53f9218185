"""What an experiment says about its cells, in its own run, and about its trials, in theirs."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from mlflow import MlflowClient
from mlflow.entities import Metric

from orchestrator.secrecy import redact
from orchestrator.tracking.trial_run import make_metric_name

_MOST_METRICS = 1000  # MLflow's limit for one request
_NOTE = "mlflow.note.content"


@dataclass(frozen=True)
class StudyNumbers:
    """The numbers of an experiment.

    Attributes:
        cells: metric/cell -> mean over the trials of the cell.
        trials: run id of a trial -> metric/experiment -> value.
        note: the description of the experiment's run, as Markdown.
    """

    cells: Mapping[str, float]
    trials: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    note: str = ""


def log_study(
    client: MlflowClient,
    run_id: str,
    numbers: StudyNumbers,
    logged: Mapping[str, Mapping[str, float]],
) -> None:
    """Write the numbers that the runs do not have yet.

    Args:
        client: the connection to the store.
        run_id: the experiment's own run.
        numbers: the numbers of the experiment.
        logged: run id -> metrics that the run has; runs that are not among them are left out.
    """
    client.set_tag(run_id, _NOTE, redact(numbers.note))
    for each_run_id, metrics in {run_id: numbers.cells, **numbers.trials}.items():
        if each_run_id in logged:
            _log(client, each_run_id, metrics, logged[each_run_id])


def _log(
    client: MlflowClient, run_id: str, metrics: Mapping[str, float], logged: Mapping[str, float]
) -> None:
    now = int(time.time() * 1000)
    changed = [
        Metric(name, value, now, 0)
        for name, value in ((make_metric_name(key), value) for key, value in metrics.items())
        if logged.get(name) != value
    ]
    for first in range(0, len(changed), _MOST_METRICS):
        client.log_batch(run_id, metrics=changed[first : first + _MOST_METRICS])

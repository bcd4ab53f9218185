"""The record of an experiment: what was requested (ledger) and what was measured (MLflow)."""

import math
import shlex
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from orchestrator.ledger.entries import ExperimentStatus, State, TrialStatus
from orchestrator.results.interim import explain_interim, find_current_look
from orchestrator.results.source_cells import name_sources
from orchestrator.results.tuning.searches import explain_open_searches, read_searches
from orchestrator.secrecy import redact
from orchestrator.spec.looks import find_look
from orchestrator.spec.overrides import read_overrides
from orchestrator.stores import Stores
from orchestrator.tracking import artifacts
from orchestrator.tracking.artifacts import Fields
from orchestrator.tracking.tracker import RunContent, Tracker
from orchestrator.tracking.trial_run import NUMBERS, make_metric_name
from reports.records import ExperimentRecord, RunRecord
from reports.text.page import MAX_PICTURED_CELLS
from vss import catalog
from vss.errors import UserError
from vss.options import list_implied_options

_ENVIRONMENT = (
    "device", "device_type", "threads", "python", "system", "torch", "torchvision", "numpy",
    "vss-orch", "git_commit", "git_dirty", "trials_on_device",
)  # fmt: skip

_CURVE_POINTS = 100  # at most, of each curve; a figure is about 600 pixels wide


def read_record(
    experiment: ExperimentStatus,
    trials: Sequence[TrialStatus],
    tracker: Tracker,
    pictures: bool = False,
    samples: Sequence[TrialStatus] = (),
) -> ExperimentRecord:
    """Join an experiment with its runs, by run id.

    Args:
        experiment: the experiment.
        trials: all of its trials.
        tracker: the tracking store with their runs.
        samples: the trials of its searches.
        pictures: also read sampled frames, from one seed of each cell that the report illustrates.

    Raises:
        UserError: if the store has no run of the experiment, so is probably not its own.
    """
    if experiment.run_id is not None and not tracker.has_run(experiment.run_id):
        raise UserError(
            f"MLflow at {redact(tracker.uri)} has no run {experiment.run_id} of "
            f"'{experiment.name}': check MLFLOW_TRACKING_URI, or restore the run in MLflow"
        )
    trials = name_sources(trials)
    contents = tracker.read_runs([trial.run_id for trial in trials if trial.run_id])
    latency = tracker.read_latency(experiment.run_id)
    with ThreadPoolExecutor() as pool:
        runs = pool.map(lambda t: _run_record(t, contents.get(t.run_id or ""), tracker), trials)
    look = find_current_look(experiment, trials)
    record = ExperimentRecord(
        name=experiment.name,
        description=experiment.description,
        baseline=experiment.baseline,
        cells=_list_cells(experiment, (*trials, *samples)),
        runs=list(runs),
        costs={cell: artifacts.convert_latency(cost) for cell, cost in latency.cells.items()},
        latency_conditions=latency.conditions,
        source=experiment.source,
        command=build_submit_command(trials, experiment.source, experiment.looks),
        published=experiment.published,
        margin_points=experiment.margin_points,
        looks=experiment.looks,
        look=look,
        searches=read_searches(experiment, samples, tracker),
        interim=explain_interim(experiment, trials) or explain_open_searches(trials, samples),
        has_changed_plan=bool(experiment.earlier_seeds),
    )
    return _add_samples(record, contents, tracker) if pictures else record


def _list_cells(experiment: ExperimentStatus, trials: Sequence[TrialStatus]) -> list[str]:
    """Return the cells in the order of the spec.

    One whose search is not over, or has found nothing, has samples only. The baseline is among them
    also if the ledger has no trial of it, as after the import of some of the trials.
    """
    cells = list(dict.fromkeys(trial.cell for trial in trials))
    if experiment.baseline and experiment.baseline not in cells:
        return [experiment.baseline, *cells]
    return cells


def build_submit_command(
    trials: Sequence[TrialStatus], source: str, looks: Sequence[int] = ()
) -> str:
    """Return the command that repeats an experiment; "" if it did not come from a spec.

    Args:
        trials: its trials, whose datasets may need a folder.
        source: the text of the spec, with the overrides that were submitted.
        looks: the number of seeds at each planned look; the trials may end at an early one.
    """
    lines = (line.partition("#")[0].strip() for line in source.splitlines())
    if not any(lines):
        return ""
    datasets = sorted({str(trial.settings["dataset"]) for trial in trials})
    options = [shlex.quote(override) for override in read_overrides(source)]
    options += [
        f'--data {name}="$VSS_DATA/{name}"'
        for name in datasets
        if name in catalog.DATASETS and catalog.DATASETS[name].needs_path
    ]
    look = find_look(looks, (trial.seed for trial in trials))
    options += [f"--look {look}"] if look < len(looks) else []
    return " ".join(["vss-orch submit spec.yaml", *options])


def _run_record(trial: TrialStatus, content: RunContent | None, tracker: Tracker) -> RunRecord:
    record = RunRecord(
        cell=trial.cell,
        seed=trial.seed,
        trial_id=trial.trial_id,
        state=trial.state.value,
        settings=trial.settings,
        implied=list_implied_options(trial.settings),
        message=trial.message,
        run_id=trial.run_id,
        attempts=trial.attempts,
    )
    if trial.state != State.FINISHED:
        return record
    if content is None:
        return replace(record, state="DELETED", message="its MLflow run was deleted")
    metrics, tags = dict(content.metrics), content.tags
    files = _Files(tracker, trial.run_id or "", content)
    counts = files.decode("frames.npz", artifacts.decode_counts)
    numbers = {name: metrics.pop(name, None) for name in NUMBERS}
    return replace(
        record,
        metrics={name: value for name, value in metrics.items() if "/" not in name},
        iou=_class_iou(metrics, counts.get("classes")),
        scored_split=tags.get("scored_split"),
        data_fingerprint=tags.get("data_fingerprint"),
        environment={name: tags[name] for name in _ENVIRONMENT if name in tags},
        train_seconds=numbers["train_seconds"],
        step_ms_median=numbers["step_ms_median"],
        parameters=_integer(numbers["parameters"]),
        peak_memory_mib=numbers["peak_memory_mib"],
        scored_frames=_integer(numbers["scored_frames"]),
        scored_step=_integer(numbers["scored_step"]),
        curves=files.decode("curves.csv", _decode_drawn_curves),
        message=files.describe_damage(),
        **counts,
    )


def read_environment(trial_id: str, stores: Stores) -> dict[str, str]:
    """Return device, versions and commit of a trial; empty if it has not finished."""
    run_id = stores.ledger.finished_runs([trial_id]).get(trial_id)
    if run_id is None or run_id not in (contents := stores.tracker.read_runs([run_id])):
        return {}
    tags = contents[run_id].tags
    return {name: tags[name] for name in _ENVIRONMENT if name in tags}


def _thin_curve(points: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
    """Return the mean of every few consecutive points, at the step of the last of them."""
    length = math.ceil(len(points) / _CURVE_POINTS)
    parts = [points[start : start + length] for start in range(0, len(points), length)]
    return [(part[-1][0], sum(value for _, value in part) / len(part)) for part in parts]


def _decode_drawn_curves(content: bytes | None) -> dict[str, list[tuple[int, float]]]:
    """Decode curves as they are drawn: with all points and digits, they were half of a report.

    The learning rate is left out, as it follows from the settings, and MLflow shows it.
    """
    return {
        name: [(step, float(f"{value:.6g}")) for step, value in _thin_curve(points)]
        for name, points in artifacts.decode_curves(content).items()
        if name != "train/learning_rate"
    }


class _Files:
    """The files of one run, with a list of the damaged ones."""

    def __init__(self, tracker: Tracker, run_id: str, content: RunContent) -> None:
        self._tracker, self._run_id, self._content = tracker, run_id, content
        self._damaged_files: list[str] = []

    def decode(self, name: str, decoder: Callable[[bytes | None], Fields]) -> Fields:
        """Return the fields of a file; a missing or damaged file has none."""
        file = self._tracker.read_file(self._run_id, self._content, name)
        fields, fault = artifacts.decode(file, decoder)
        if fault is not None:
            self._damaged_files.append(f"{name} is damaged ({fault})")
        return fields

    def describe_damage(self, message: str | None = None) -> str | None:
        """Return an earlier message, if any, with the damaged files appended."""
        return "; ".join([*filter(None, [message]), *self._damaged_files]) or None


def _class_iou(metrics: Mapping[str, float], classes: Sequence[str] | None) -> dict[str, float]:
    """Return the IoU by class; MLflow replaces some characters of class names."""
    if classes is None:
        return {name[4:]: value for name, value in metrics.items() if name.startswith("iou/")}
    iou = {name: metrics.get(f"iou/{make_metric_name(name)}") for name in classes}
    return {name: value for name, value in iou.items() if value is not None}


def _integer(number: float | None) -> int | None:
    return None if number is None else int(number)


def _add_samples(
    record: ExperimentRecord, contents: Mapping[str, RunContent], tracker: Tracker
) -> ExperimentRecord:
    """Add sampled frames to the runs that the report illustrates."""
    illustrated_trials = _illustrated_trials(record)
    runs, colours = [], dict(record.colours)
    for run in record.runs:
        if run.run_id and run.trial_id in illustrated_trials:
            files = _Files(tracker, run.run_id, contents[run.run_id])
            samples, class_colours = files.decode("samples.npz", artifacts.decode_samples)
            colours |= dict(zip(run.classes, class_colours, strict=False))
            run = replace(run, samples=samples, message=files.describe_damage(run.message))
        runs.append(run)
    return replace(record, runs=runs, colours=colours)


def _illustrated_trials(record: ExperimentRecord) -> set[str]:
    """Return trials of the first cells and of the baseline, each pair at its lowest shared seed."""
    trial_ids: dict[str, dict[int, str]] = {cell: {} for cell in record.cells}
    for run in record.finished:
        trial_ids[run.cell][run.seed] = run.trial_id
    baseline = trial_ids.pop(record.baseline)
    illustrated_trials = set()
    for by_seed in list(trial_ids.values())[:MAX_PICTURED_CELLS]:
        if shared_seeds := by_seed.keys() & baseline.keys():
            illustrated_trials |= {by_seed[min(shared_seeds)], baseline[min(shared_seeds)]}
    return illustrated_trials

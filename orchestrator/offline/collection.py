"""Trials that were finished on machines without a network, taken into ledger and MLflow."""

import csv
import json
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import safe_open

from orchestrator.ledger.ledger import Imported, Ledger, Member, State
from orchestrator.settings import Settings, make_folder
from orchestrator.spec.file import load_spec
from orchestrator.tracking.tracker import Tracker
from vss.errors import UserError
from vss.scoring.metrics import miou
from vss.training.loop import Progress, TrialResult
from vss.trial import file as trial_file
from vss.trial.file import ExperimentPart
from vss.trial_config import TrialConfig, parse_settings

_TOLERANCE = 1e-6  # between the score and that of the kept counts


class DamagedError(UserError):
    """A directory that is left alone; the message says why."""


@dataclass(frozen=True)
class Finished:
    """A complete trial directory, read and checked."""

    folder: Path
    config: TrialConfig
    cell: str
    position: int
    experiment: ExperimentPart
    result: TrialResult
    attempt: int


def take_in(
    folders: Sequence[Path], spec: Path | None, settings: Settings, say: Callable[[str], None]
) -> tuple[list[str], int]:
    """Take finished trial directories in; damaged ones are named and left alone.

    Args:
        folders: trial directories, or folders that hold many.
        spec: says the experiment and cell of directories that do not say it themselves.
        settings: where ledger, tracking store and trial directories are.
        say: prints a line, one for each directory.

    Returns:
        the experiments that were touched, and how many directories were left alone.

    Raises:
        UserError: if there is no trial directory at all.
    """
    known = _of_spec(spec) if spec is not None else {}
    ledger = Ledger(settings.ledger_url)
    tracker = Tracker(settings.tracking_uri, settings.artifacts)
    touched: dict[str, list[Finished]] = {}
    left_alone = 0
    for folder in _directories(folders):
        try:
            found = _read(folder, known)
            touched.setdefault(found.experiment.name, []).append(found)
            say(f"{folder.name}: {_enter(found, ledger, tracker, settings)}")
        except DamagedError as error:
            say(f"{folder.name}: left alone: {error}")
            left_alone += 1
    for name, trials in touched.items():
        parent = tracker.open_experiment_run(ledger.experiment(name))
        ledger.set_experiment_run(name, parent)
        _take_latency(parent, trials, tracker, say)
        done = all(trial.state == State.FINISHED for trial in ledger.trials(name))
        tracker.close_experiment_run(parent, done)
    return list(touched), left_alone


def _directories(folders: Sequence[Path]) -> Iterator[Path]:
    some = False
    for folder in folders:
        inside = [folder] if (folder / "config.json").exists() else sorted(folder.glob("*/"))
        for path in inside:
            if (path / "config.json").exists() or (path / "result.json").exists():
                some = True
                yield path
    if not some:
        shown = ", ".join(map(str, folders))
        raise UserError(f"no trial directory in {shown}: one holds config.json and result.json")


def _of_spec(path: Path) -> Mapping[str, tuple[str, int, ExperimentPart]]:
    """Trial id -> cell, position and experiment."""
    spec = load_spec(path)
    part = ExperimentPart(
        name=spec.name, description=spec.description, baseline=spec.baseline, source=spec.source
    )
    return {t.config.trial_id: (t.cell, n, part) for n, t in enumerate(spec.trials)}


def _read(folder: Path, known: Mapping[str, tuple[str, int, ExperimentPart]]) -> Finished:
    """Check everything that a report will rely on.

    Raises:
        DamagedError: with the first thing that is wrong.
    """
    if not (folder / "result.json").exists():
        raise DamagedError("it is not finished: there is no result.json")
    config = _config(folder)
    if (folder / trial_file.COPY).exists():
        trial = _or_damaged("trial.json", lambda: trial_file.read(folder / trial_file.COPY))
        where = (trial.cell, trial.position, trial.experiment)
    elif config.trial_id in known:
        where = known[config.trial_id]
    else:
        raise DamagedError("nothing says its experiment: give the --spec that asks for it")
    result = _or_damaged(
        "result.json", lambda: TrialResult(**json.loads((folder / "result.json").read_text()))
    )
    _or_damaged("environment.json", lambda: json.loads((folder / "environment.json").read_text()))
    _or_damaged("weights.safetensors", lambda: _read_all(folder / "weights.safetensors"))
    _or_damaged("samples.npz", lambda: dict(np.load(folder / "samples.npz")))
    counts = _or_damaged("frames.npz", lambda: dict(np.load(folder / "frames.npz")))
    scored = miou(counts["confusion"].astype(np.int64).sum(axis=0))
    if abs(scored - result.metrics["miou"]) > _TOLERANCE:
        raise DamagedError(
            f"result.json says mIoU {result.metrics['miou']:.6f}, its frames.npz {scored:.6f}"
        )
    attempt = _or_damaged("attempt", lambda: int((folder / "attempt").read_text()))
    return Finished(folder, config, *where, result=result, attempt=attempt)


def _config(folder: Path) -> TrialConfig:
    config: TrialConfig = _or_damaged(
        "config.json", lambda: parse_settings(json.loads((folder / "config.json").read_text()))
    )
    if config.trial_id != folder.name:
        raise DamagedError(f"its settings are those of trial {config.trial_id}")
    return config


def _read_all(path: Path) -> None:
    with safe_open(path, "numpy") as file:
        for name in file.keys():  # noqa: SIM118  # it is no dictionary
            file.get_slice(name)[:1] if file.get_slice(name).get_shape() else file.get_tensor(name)


def _or_damaged(name: str, read: Callable[[], Any]) -> Any:
    try:
        return read()
    except Exception as error:  # whatever a damaged file raises
        first = str(error).strip().splitlines()[:1] or [type(error).__name__]
        raise DamagedError(f"{name} cannot be read: {first[0]}") from None


def _enter(found: Finished, ledger: Ledger, tracker: Tracker, settings: Settings) -> str:
    """Into MLflow, the ledger and this machine's storage; what was done, in words."""
    trial_id = found.config.trial_id
    run_id = ledger.finished(trial_id)
    if run_id is not None:
        _check_agrees(found, tracker.measured([run_id]).get(run_id))
    said = "already known" if run_id is not None else "imported"
    target = make_folder(settings.storage) / trial_id
    if not target.exists():
        unfinished = target.with_name(f"{trial_id}.{uuid.uuid4().hex[:8]}")
        shutil.copytree(found.folder, unfinished)
        unfinished.rename(target)
    if run_id is None:
        run_id = _log(found, tracker)
    part = found.experiment
    member = Member(found.cell, found.config, found.result.data_fingerprint)
    imported = Imported(member, found.position, run_id, found.attempt)
    ledger.take_in(part.name, part.description, part.source, part.baseline, [imported])
    tracker.tag(run_id, f"experiment/{part.name}", found.cell)
    return f"{said}: {part.name}, {found.cell}, seed {found.config.seed}"


def _check_agrees(found: Finished, there: Any) -> None:
    """The same trial with other numbers is no duplicate."""
    if there is None:
        return
    ours = (found.result.data_fingerprint, round(found.result.metrics["miou"], 6))
    theirs = (there.tags.get("data_fingerprint"), round(there.metrics.get("miou", -1.0), 6))
    if ours != theirs:
        raise DamagedError(
            f"the trial is finished here already with mIoU {theirs[1]} on data "
            f"{str(theirs[0])[:12]}, this one has {ours[1]} on {ours[0][:12]}"
        )


def _log(found: Finished, tracker: Tracker) -> str:
    tags = {
        f"experiment/{found.experiment.name}": found.cell,
        "seed": found.config.seed,
        "attempt": found.attempt,
    }
    name = f"{found.cell}, seed {found.config.seed}"
    run = tracker.open_trial(name, found.config.trial_id, None, tags)
    for progress in _curves(found.folder / "curves.csv"):
        run.log(progress)
    run.finish(found.result, found.folder)
    return run.run_id


def _curves(path: Path) -> Iterator[Progress]:
    """As a training would have reported them."""
    if not path.exists():
        return
    points: dict[str, dict[int, float]] = {}
    with path.open() as file:
        for row in csv.DictReader(file):
            points.setdefault(row["curve"], {})[int(row["step"])] = float(row["value"])
    rates = points.get("train/learning_rate", {})
    losses = points.get("train/loss", {})
    scored = {name: values for name, values in points.items() if name.startswith("val/")}
    for step in sorted({*losses, *(s for values in scored.values() for s in values)}):
        yield Progress(
            step,
            losses.get(step),
            None,
            curve=[(step, losses[step], rates.get(step, 0.0))] if step in losses else [],
            scores={name[4:]: values[step] for name, values in scored.items() if step in values},
        )


def _take_latency(
    parent: str, trials: Sequence[Finished], tracker: Tracker, say: Callable[[str], None]
) -> None:
    """Latency of cells that have none yet; never mixed with another device's."""
    there = tracker.latency(parent)
    cells = dict(there.get("cells", {}))
    conditions = there.get("conditions")
    ordered = sorted(trials, key=lambda trial: trial.position)
    first = {trial.cell: trial.config.trial_id for trial in reversed(ordered)}
    for trial in ordered:
        path = trial.folder / "latency.json"
        if trial.cell in cells or not path.exists():
            continue
        measured = json.loads(path.read_text())
        conditions = conditions or measured["conditions"]
        if measured["conditions"]["device"] != conditions["device"]:
            say(
                f"{trial.folder.name}: its latency is of {measured['conditions']['device']}, that "
                f"of other cells of {conditions['device']}: left out"
            )
            continue
        cells[trial.cell] = {
            **measured["cells"][trial.cell],
            "trial_id": first[trial.cell],  # by which a submit knows the cell's
        }
    if cells and cells != there.get("cells"):
        tracker.log_latency(parent, {"conditions": conditions, "cells": cells})

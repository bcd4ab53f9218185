"""A trial that finished on an offline machine: read and check it.

A directory that fails a check is damaged; the checks cover everything that a report relies on.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from orchestrator.ledger.entries import ExperimentEntry
from orchestrator.offline import contents
from orchestrator.offline.arrays import check_samples, read_score
from orchestrator.offline.inventory import check_inventory
from orchestrator.spec.design import expand, read_published_results
from orchestrator.spec.file import parse_recorded_spec
from orchestrator.spec.trial_builder import PlannedTrial
from vss.errors import UserError
from vss.profiling.latency_measurement import LatencyMeasurement
from vss.training.inputs import TrialResult
from vss.trial.file import COPY, ExperimentPart, read_trial_file
from vss.trial_config import TrialConfig, parse_settings
from vss.untrusted.json_text import parse_json
from vss.untrusted.limited_file import MIB, read_bytes
from vss.untrusted.messages import excerpt, one_line

_LARGEST_JSON = 16 * MIB
_TOLERANCE = 1e-6  # largest difference between mIoU in result.json and from frames.npz


class DamagedTrialError(UserError):
    """Raised when a trial directory cannot be imported."""


@dataclass(frozen=True)
class Placement:
    """The place of a trial: its experiment, its cell, and its position among the trials."""

    experiment: ExperimentEntry
    cell: str
    position: int


@dataclass(frozen=True)
class FinishedTrial:
    """A finished trial, read from its directory and checked.

    Attributes:
        folder: its directory.
        position: its position among the experiment's trials.
        points: the (curve, step, value) points of its curves, in the order of their steps.
        last_attempt: the number of its last attempt.
        latency: the latency of its cell, if it was measured.
    """

    folder: Path
    trial: PlannedTrial
    experiment: ExperimentEntry
    position: int
    result: TrialResult
    points: Sequence[tuple[str, int, float]]
    last_attempt: int
    latency: LatencyMeasurement | None


def read_finished_trial(folder: Path, placements: Mapping[str, Placement]) -> FinishedTrial:
    """Read a trial directory and check it.

    Args:
        folder: the trial directory.
        placements: trial_id -> placement, for trials whose directory has no trial file.

    Raises:
        DamagedTrialError: if a file is missing or wrong; the message names the first one.
    """
    if not (folder / "result.json").exists():
        raise DamagedTrialError("not finished: it has no result.json")
    _read("the directory", lambda: check_inventory(folder))
    config = _read_config(folder)
    placement = _read_placement(folder, config.trial_id, placements)
    result = _read("result.json", lambda: contents.parse_result(_json(folder / "result.json")))
    if result.scored_split != config.scored_split:
        split = excerpt(result.scored_split)
        raise DamagedTrialError(f"result.json is of {split}, the trial of '{config.scored_split}'")
    environment = folder / "environment.json"
    _read("environment.json", lambda: contents.check_environment(_json(environment)))
    _read("data.json", lambda: contents.check_data(_json(folder / "data.json")))
    _read("weights.safetensors", lambda: contents.check_weights(folder / "weights.safetensors"))
    _read("samples.npz", lambda: check_samples(folder / "samples.npz"))
    score = _read("frames.npz", lambda: read_score(folder / "frames.npz", config.class_names))
    if not abs(score - result.metrics["miou"]) <= _TOLERANCE:
        raise DamagedTrialError(
            f"result.json has mIoU {result.metrics['miou']:.6f}, but frames.npz gives {score:.6f}"
        )
    return FinishedTrial(
        folder=folder,
        trial=PlannedTrial(placement.cell, config),
        experiment=placement.experiment,
        position=placement.position,
        result=result,
        points=_read("curves.csv", lambda: contents.read_points(folder / "curves.csv")),
        last_attempt=_read("attempt", lambda: contents.read_attempt(folder / "attempt")),
        latency=_read("latency.json", lambda: _read_latency(folder, placement.cell)),
    )


def _read_config(folder: Path) -> TrialConfig:
    file = folder / "config.json"
    config: TrialConfig = _read("config.json", lambda: parse_settings(_json(file)))
    if config.trial_id != folder.name:
        raise DamagedTrialError(
            f"config.json belongs to trial {config.trial_id}, not to {folder.name}"
        )
    return config


def _read_placement(folder: Path, trial_id: str, placements: Mapping[str, Placement]) -> Placement:
    if (folder / COPY).exists():
        file = _read(COPY, lambda: read_trial_file(folder / COPY))
        return Placement(_read(COPY, lambda: _entry(file.experiment)), file.cell, file.position)
    if trial_id not in placements:
        raise DamagedTrialError(f"it has no {COPY}: add --spec with the spec of this trial")
    return placements[trial_id]


def _entry(part: ExperimentPart) -> ExperimentEntry:
    return replace(
        _entry_from_spec(part.source),
        name=part.name,
        description=part.description,
        baseline=part.baseline,
    )


@cache  # all trials share a spec, and parsing it takes longer than reading the rest of a trial
def _entry_from_spec(source: str) -> ExperimentEntry:
    """Return the entry that follows from the text of a spec."""
    spec = parse_recorded_spec(source)
    return ExperimentEntry(
        name=spec.name,
        source=source,
        published=read_published_results(expand(spec)),
        margin_points=spec.margin,
        seeds=spec.seeds,
        looks=spec.looks,
    )


def _read_latency(folder: Path, cell: str) -> LatencyMeasurement | None:
    path = folder / "latency.json"
    return contents.parse_latency(_json(path), cell) if path.exists() else None


def _json(path: Path) -> Any:
    return parse_json(read_bytes(path, "file", _LARGEST_JSON).decode())


def _read(name: str, read: Callable[[], Any]) -> Any:
    try:
        return read()
    except Exception as error:  # a damaged file can raise anything
        reason = one_line(str(error), 200) or type(error).__name__
        raise DamagedTrialError(f"cannot read {name}: {reason}") from None

"""The contents of a trial directory from elsewhere: each file is what our own code writes into it.

Every function raises whatever its decoder raises; the caller names the file.
"""

import csv
import io
import json
import math
import re
from itertools import islice
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError
from safetensors import safe_open

from vss.errors import UserError
from vss.profiling.latency_measurement import LatencyMeasurement
from vss.training.inputs import TrialResult
from vss.trial_config import LARGEST_NUMBER
from vss.untrusted.limited_file import MIB, open_limited, read_text
from vss.untrusted.messages import excerpt, excerpt_name
from vss.validation_errors import describe_validation_error

_RESULT = TypeAdapter(TrialResult)
_LONGEST_NAME, _MOST_NAMES = 200, 1000  # MLflow takes 250 characters
_LONGEST_TAG = 1000
_MOST_POINTS = 500_000  # of all curves
_LARGEST_SCORE, _LARGEST_MEASUREMENT = 1e6, 1e12
# Tags that say which trial a run is: only the import sets them.
_OWN_TAGS = {"trial_id", "seed", "attempt", "error"}


def parse_result(content: Any) -> TrialResult:
    """Check the content of result.json."""
    try:
        result = _RESULT.validate_json(json.dumps(content), strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        place = excerpt_name(".".join(map(str, first["loc"])))
        raise UserError(f"'{place}': {first['msg']}") from None
    if not 0 <= result.metrics.get("miou", math.nan) <= 1:
        raise UserError("it has no miou between 0 and 1")
    _check_numbers(result)
    if not re.fullmatch(r"[0-9a-f]{1,64}", result.data_fingerprint):
        raise UserError(f"data_fingerprint {excerpt(result.data_fingerprint)} is no digest")
    _check_names([*result.metrics, *result.iou, result.scored_split])
    counts = (result.scored_frames, result.scored_step, result.parameters)
    if not all(0 <= count < 2**63 for count in counts):
        raise UserError(f"a count is negative or too large: {excerpt(list(counts))}")
    return result


def _check_numbers(result: TrialResult) -> None:
    """Check that reports can calculate with all numbers; a metric may be unknown."""
    for values in (result.metrics, result.iou):
        for name, value in values.items():
            if value is not None and abs(value) > _LARGEST_SCORE:  # not so if it is NaN
                raise UserError(f"'{excerpt_name(name)}' is no score: {excerpt(value)}")
    for name in ("train_seconds", "step_ms_median", "step_ms_p95", "peak_memory_mib"):
        value = getattr(result, name)
        if value is not None and not 0 <= value <= _LARGEST_MEASUREMENT:
            raise UserError(f"'{name}' is no measurement: {excerpt(value)}")


def check_data(content: Any) -> None:
    """Check the content of data.json, of which the numbers of labelled frames are logged."""
    frames = content.get("labelled_frames", {}) if isinstance(content, dict) else None
    if not isinstance(frames, dict) or not all(type(n) is int for n in frames.values()):
        raise UserError("it has no numbers of labelled frames")


def check_environment(content: Any) -> None:
    """Check the content of environment.json, which becomes tags of a run."""
    if not isinstance(content, dict):
        raise UserError("it is no JSON object")
    _check_names(list(content))
    for name, value in content.items():
        if name in _OWN_TAGS or not re.fullmatch(r"[a-z_-]+", name):
            raise UserError(f"'{excerpt_name(name)}' is no fact about a machine")
        is_fact = value is None or isinstance(value, str | int | float)
        if not is_fact or (isinstance(value, str) and len(value) > _LONGEST_TAG):
            raise UserError(f"'{name}' is no short text or number (got {excerpt(value)})")


def check_weights(path: Path) -> None:
    """Check that every tensor in weights.safetensors is there."""
    with safe_open(path, "numpy") as file:
        for name in file.keys():  # noqa: SIM118  # `file` is not a dictionary
            file.get_slice(name)[:1] if file.get_slice(name).get_shape() else file.get_tensor(name)


def read_points(path: Path) -> list[tuple[str, int, float]]:
    """Return the (curve, step, value) points of all curves, in the order of their steps."""
    with open_limited(path, "file", 64 * MIB) as file:
        rows = csv.DictReader(io.TextIOWrapper(file, "utf-8", newline=""))
        points = [
            (row["curve"], int(row["step"]), float(row["value"]))
            for row in islice(rows, _MOST_POINTS + 1)
        ]
    if len(points) > _MOST_POINTS:
        raise UserError(f"it has more than {_MOST_POINTS} points")
    if any(math.isinf(value) for _, _, value in points):
        raise UserError("a value is infinite")
    _check_names(list({curve for curve, _, _ in points}))
    if not all(0 <= step <= LARGEST_NUMBER for _, step, _ in points):
        raise UserError("a step is negative or too large")
    return sorted(points, key=lambda point: point[1])


def read_attempt(path: Path) -> int:
    """Return the number of the last attempt."""
    attempt = int(read_text(path, "file", 100))
    if not 0 < attempt <= LARGEST_NUMBER:
        raise UserError(f"{attempt} is no number of an attempt")
    return attempt


def parse_latency(content: Any, cell: str) -> LatencyMeasurement:
    """Check the content of latency.json, which measured one cell."""
    try:
        measurement = LatencyMeasurement.model_validate(content)
    except ValidationError as error:
        raise UserError(describe_validation_error(error, LatencyMeasurement)) from None
    if cell not in measurement.cells or not isinstance(measurement.conditions.get("device"), str):
        raise UserError(f"it has no cell '{excerpt_name(cell)}' or no device")
    return measurement


def _check_names(names: list[str]) -> None:
    for name in names:
        if not name.strip() or not name.isprintable() or len(name) > _LONGEST_NAME:
            raise UserError(f"'{excerpt_name(name)}' is no name")
    if len(names) > _MOST_NAMES:
        raise UserError(f"it has {len(names)} names (at most {_MOST_NAMES})")

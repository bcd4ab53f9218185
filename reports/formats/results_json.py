"""What a report leaves beside itself, and reads back: records in three files.

`results.json`, by Python's json module: the experiment and its trials under the names of
`reports/records.py`.

| key | holds |
|---|---|
| `format` | 1; another number is another format |
| `curve_rows` | lines of curves.csv below its first: it cannot be cut short unseen |
| `experiment` | the fields of `ExperimentRecord`, without `runs` |
| `trials` | one object a trial: the fields of `RunRecord`, without those below |

What was not measured is null. JSON has no word for a number that is not finite: it is
`{"number": "NaN"}`, `{"number": "Infinity"}` or `{"number": "-Infinity"}`. Numbers come back with
the same bits.

`confusions.npz` and `curves.csv` hold what is too long for that, see `reports/formats/arrays.py`.
Samples and pictures are not saved: those that the report shows lie beside it as files.
"""

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from reports.formats import arrays
from reports.formats.arrays import ReportError
from reports.records import CellCost, ExperimentRecord, Latency, RunRecord

RESULTS = "results.json"
FORMAT = 1
_ELSEWHERE = {
    ExperimentRecord: {"runs"},
    RunRecord: {"frames", "classes", "confusions", "curves", "samples"},
}


def save(record: ExperimentRecord, folder: Path) -> None:
    """Write results.json, confusions.npz and curves.csv into a folder that is there.

    Raises:
        ReportError: if two trials have one id, or a field holds what cannot be saved.
    """
    for trial_id, count in Counter(run.trial_id for run in record.runs).items():
        if count > 1:
            raise ReportError(f"{count} trials of {record.name} have the id '{trial_id}'")
    content = {
        "format": FORMAT,
        "curve_rows": arrays.curve_rows(record.runs),
        "experiment": _encoded(record),
        "trials": [_encoded(run) for run in record.runs],
    }
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
    (folder / RESULTS).write_text(text + "\n", encoding="utf-8")
    arrays.save_confusions(record.runs, folder)
    arrays.save_curves(record.runs, folder)


def load(folder: Path) -> ExperimentRecord:
    """Read what `save` wrote.

    Raises:
        ReportError: if a file is missing or damaged, or one is of another report.
    """
    experiment, trials, curve_rows = _read_results(folder / RESULTS)
    ids = [trial["trial_id"] for trial in trials]
    kept = arrays.load_confusions(folder, ids)
    curves = arrays.load_curves(folder, ids, curve_rows)
    runs = [
        RunRecord(**trial, **kept[trial["trial_id"]], curves=curves[trial["trial_id"]])
        for trial in trials
    ]
    return ExperimentRecord(**experiment, runs=runs)


def plain(record: ExperimentRecord) -> ExperimentRecord:
    """The record as it would be read back, with its samples.

    Tuples become lists and NumPy's numbers Python's: a report of it and one of what was saved are
    then the same to the last byte.

    Raises:
        ReportError: if a field holds what cannot be saved.
    """
    runs = [
        replace(run, **_checked(RunRecord, _encoded(run)), **arrays.plain(run))
        for run in record.runs
    ]
    return replace(record, **_checked(ExperimentRecord, _encoded(record)), runs=runs)


def _encoded(record: ExperimentRecord | RunRecord) -> dict[str, Any]:
    elsewhere = _ELSEWHERE[type(record)]
    return {
        field.name: _encode(getattr(record, field.name), field.name)
        for field in fields(record)
        if field.name not in elsewhere
    }


def _encode(value: Any, name: str) -> Any:
    """A value as JSON can hold it."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        word = "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
        return {"number": word}
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return _text(value)
    if is_dataclass(value) and not isinstance(value, type):
        value = asdict(value)
    if isinstance(value, Mapping):
        return {_key(key, name): _encode(each, f"{name}.{key}") for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_encode(each, name) for each in value]
    raise ReportError(f"cannot save {name}: {value!r} is neither a number, a text nor a list")


def _key(key: Any, name: str) -> str:
    if not isinstance(key, str):
        raise ReportError(f"cannot save {name}: its key {key!r} is no text")
    return _text(key)


def _text(value: str) -> str:
    """Text that any file can hold: a path in a message may be no UTF-8."""
    return value.encode("utf-8", errors="backslashreplace").decode()


def _decode(value: Any) -> Any:
    if isinstance(value, dict):
        if list(value) == ["number"] and isinstance(value["number"], str):
            return float(value["number"])
        return {key: _decode(each) for key, each in value.items()}
    return [_decode(each) for each in value] if isinstance(value, list) else value


def _checked(kind: type, encoded: Any) -> dict[str, Any]:
    """The fields of a record from their JSON.

    Raises:
        ReportError: if one is missing, unknown or of another type.
    """
    try:
        found = _decode(encoded)
        if isinstance(found.get("colours"), dict):
            found["colours"] = {name: tuple(rgb) for name, rgb in found["colours"].items()}
        if isinstance(found.get("costs"), dict):
            found["costs"] = {cell: _cost(**cost) for cell, cost in found["costs"].items()}
        _MODELS[kind].model_validate(found)
    except ValidationError as error:
        first = error.errors()[0]
        raise ReportError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    except (AttributeError, TypeError, ValueError) as error:
        raise ReportError(str(error)) from None
    return dict(found)


def _cost(**found: Any) -> CellCost:
    forms = {f: Latency(**found.pop(f)) for f in ("clip", "streaming") if found.get(f) is not None}
    return CellCost(**{**found, **forms})


def _read_results(path: Path) -> tuple[dict[str, Any], list[dict[str, Any]], int]:
    content = arrays.reading(path, lambda: json.loads(path.read_text(encoding="utf-8")))
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        found = content.get("format") if isinstance(content, dict) else None
        raise ReportError(f"{path}: format is {found!r}, not {FORMAT}: made by another version")
    trials, curve_rows = content.get("trials"), content.get("curve_rows")
    if not isinstance(trials, list) or not isinstance(curve_rows, int):
        raise ReportError(f"{path} is damaged: it lacks trials or curve_rows")
    experiment = _part(path, "experiment", ExperimentRecord, content.get("experiment"))
    found = [
        _part(path, f"trial {number}", RunRecord, trial)
        for number, trial in enumerate(trials, start=1)
    ]
    return experiment, found, curve_rows


def _part(path: Path, name: str, kind: type, encoded: Any) -> dict[str, Any]:
    try:
        return _checked(kind, encoded)
    except ReportError as error:
        raise ReportError(f"{path} is damaged: {name}: {error}") from None


def _model(kind: type, elsewhere: Iterable[str]) -> type[BaseModel]:
    """What the JSON of a record must hold: every field, and nothing else."""
    hints = get_type_hints(kind)
    held: dict[str, Any] = {name: (hint, ...) for name, hint in hints.items()}
    for name in elsewhere:
        del held[name]
    return create_model(kind.__name__, __config__=ConfigDict(extra="forbid", strict=True), **held)


_MODELS = {kind: _model(kind, elsewhere) for kind, elsewhere in _ELSEWHERE.items()}

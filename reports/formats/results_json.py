"""The records of a report, written next to it as three files and read back from them.

`results.json`, read and written by Python's json module, contains the experiment and its trials
under the names of `reports/records.py`.

| key | contains |
|---|---|
| `format` | 1, the version of this format |
| `curve_rows` | the number of lines of curves.csv below its heading, to detect a truncated file |
| `experiment` | the fields of `ExperimentRecord`, without `runs` |
| `trials` | one object per trial: the fields of `RunRecord`, without those below |

Values that were not measured are null. JSON cannot express numbers that are not finite: they are
written as `{"number": "NaN"}`, `{"number": "Infinity"}` or `{"number": "-Infinity"}`. Numbers come
back with the same bits.

`confusions.npz` and `curves.csv` contain the long fields: see `reports/formats/arrays.py`. Samples
and pictures are not saved: the pictures that the report shows are separate files.
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
from reports.formats.files import RESULTS, ReportError, read_file, shorten
from reports.records import (
    CellCost,
    ExperimentRecord,
    Latency,
    RunRecord,
    SampleRecord,
    SearchRecord,
    check_record,
)

FORMAT = 1
_OMITTED_FIELDS = {
    ExperimentRecord: {"runs"},
    RunRecord: {"frames", "classes", "confusions", "curves", "samples"},
}

# Fields that earlier versions did not have, and their values where they are left out.
_ADDED_FIELDS: dict[str, Any] = {
    "has_changed_plan": False, "uncompared": {}, "searches": (), "own_baseline": ""
}  # fmt: skip


def save(record: ExperimentRecord, folder: Path) -> None:
    """Write results.json, confusions.npz and curves.csv into an existing folder.

    Raises:
        ReportError: if two trials share an id, or a field cannot be saved.
    """
    for trial_id, count in Counter(run.trial_id for run in record.runs).items():
        if count > 1:
            raise ReportError(f"{count} trials of {record.name} share the id '{trial_id}'")
    content = {
        "format": FORMAT,
        "curve_rows": arrays.count_curve_rows(record.runs),
        "experiment": _encode_record(record),
        "trials": [_encode_record(run) for run in record.runs],
    }
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
    (folder / RESULTS).write_text(text + "\n", encoding="utf-8")
    arrays.save_confusions(record.runs, folder)
    arrays.save_curves(record.runs, folder)


def load(folder: Path) -> ExperimentRecord:
    """Read the files that `save` writes.

    Raises:
        ReportError: if a file is missing or damaged, or belongs to another report.
    """
    experiment, trials, curve_rows = _read_results(folder / RESULTS)
    ids = [trial["trial_id"] for trial in trials]
    confusions = arrays.load_confusions(folder, ids)
    curves = arrays.load_curves(folder, ids, curve_rows)
    runs = [
        RunRecord(**trial, **confusions[trial_id], curves=curves[trial_id])
        for trial_id, trial in zip(ids, trials, strict=True)
    ]
    record = ExperimentRecord(**experiment, runs=runs)
    try:
        check_record(record)
    except ValueError as error:
        raise ReportError(f"{folder / RESULTS} contradicts itself: {shorten(error)}") from None
    return record


def normalise(record: ExperimentRecord) -> ExperimentRecord:
    """Return the record as `load` would return it, but with its samples.

    Tuples become lists and NumPy's numbers become Python's, so that its report and one rebuilt from
    files are byte for byte the same.

    Raises:
        ReportError: if a field cannot be saved.
    """
    runs = [
        replace(run, **_decode_record(RunRecord, _encode_record(run)), **arrays.normalise(run))
        for run in record.runs
    ]
    return replace(record, **_decode_record(ExperimentRecord, _encode_record(record)), runs=runs)


def _encode_record(record: ExperimentRecord | RunRecord) -> dict[str, Any]:
    omitted_fields = _OMITTED_FIELDS[type(record)]
    return {
        field.name: _encode(getattr(record, field.name), field.name)
        for field in fields(record)
        if field.name not in omitted_fields
        and (field.name not in _ADDED_FIELDS or getattr(record, field.name))
    }


def _encode(value: Any, name: str) -> Any:
    """Convert a value to one that JSON can express."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return {"number": "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"}
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return _encodable(value)
    if is_dataclass(value) and not isinstance(value, type):
        value = asdict(value)
    if isinstance(value, Mapping):
        return {_key(key, name): _encode(each, f"{name}.{key}") for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_encode(each, name) for each in value]
    raise ReportError(f"cannot save {name}: {value!r} is not a number, string, list or mapping")


def _key(key: Any, name: str) -> str:
    if not isinstance(key, str):
        raise ReportError(f"cannot save {name}: its key {key!r} is not a string")
    return _encodable(key)


def _encodable(text: str) -> str:
    """Escape what is not valid Unicode: a path in a message may contain any bytes."""
    return text.encode("utf-8", errors="backslashreplace").decode()


def _decode(value: Any) -> Any:
    if isinstance(value, dict):
        if list(value) == ["number"] and isinstance(value["number"], str):
            return float(value["number"])
        return {key: _decode(each) for key, each in value.items()}
    return [_decode(each) for each in value] if isinstance(value, list) else value


def _decode_record(kind: type, encoded: Any) -> dict[str, Any]:
    """Return the fields of a record from their JSON.

    Raises:
        ReportError: if a field is missing, unknown or of the wrong type.
    """
    try:
        values = _decode(encoded)
        if isinstance(values.get("colours"), dict):
            values["colours"] = {name: tuple(rgb) for name, rgb in values["colours"].items()}
        if isinstance(values.get("costs"), dict):
            values["costs"] = {cell: _cost(**cost) for cell, cost in values["costs"].items()}
        if isinstance(values.get("searches"), list):
            values["searches"] = [_search(**search) for search in values["searches"]]
        _MODELS[kind].model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        place = shorten(".".join(map(str, first["loc"])))
        raise ReportError(f"{place}: {first['msg']}") from None
    except (AttributeError, TypeError, ValueError, RecursionError) as error:
        raise ReportError(shorten(error)) from None
    return dict(values)


def _cost(**values: Any) -> CellCost:
    modes = ("clip", "streaming")
    latencies = {mode: Latency(**values[mode]) for mode in modes if values.get(mode) is not None}
    return CellCost(**{**values, **latencies})


def _search(**values: Any) -> SearchRecord:
    if "samples" in values:  # or the record says what it lacks
        values["samples"] = [SampleRecord(**sample) for sample in values["samples"]]
    return SearchRecord(**values)


def _read_results(path: Path) -> tuple[dict[str, Any], list[dict[str, Any]], int]:
    content = read_file(path, lambda: json.loads(path.read_text(encoding="utf-8")))
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        number = content.get("format") if isinstance(content, dict) else None
        raise ReportError(
            f"cannot read {path}: its format is {shorten(repr(number))}, expected {FORMAT}"
        )
    trials, curve_rows = content.get("trials"), content.get("curve_rows")
    if not isinstance(trials, list) or not isinstance(curve_rows, int):
        raise ReportError(f"{path} is damaged: it lacks trials or curve_rows")
    experiment = _read_part(path, "experiment", ExperimentRecord, content.get("experiment"))
    runs = [
        _read_part(path, f"trial {number}", RunRecord, trial)
        for number, trial in enumerate(trials, start=1)
    ]
    return experiment, runs, curve_rows


def _read_part(path: Path, name: str, kind: type, encoded: Any) -> dict[str, Any]:
    try:
        return _decode_record(kind, encoded)
    except ReportError as error:
        raise ReportError(f"{path} is damaged: {name}: {error}") from None


def _model(kind: type, omitted_fields: Iterable[str]) -> type[BaseModel]:
    """Build the model of a record's JSON, which refuses all other fields."""
    hints = get_type_hints(kind)
    members: dict[str, Any] = {
        name: (hint, _ADDED_FIELDS.get(name, ...)) for name, hint in hints.items()
    }
    for name in omitted_fields:
        del members[name]
    return create_model(
        kind.__name__, __config__=ConfigDict(extra="forbid", strict=True), **members
    )


_MODELS = {kind: _model(kind, omitted_fields) for kind, omitted_fields in _OMITTED_FIELDS.items()}

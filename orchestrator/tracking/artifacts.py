"""The files of finished runs, as fields of records."""

import csv
import io
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np

from reports.records import CellCost, Latency, Sample

Fields = TypeVar("Fields")


def whole(
    content: bytes | None, read: Callable[[bytes | None], Fields]
) -> tuple[Fields, str | None]:
    """What `read` gives; of a damaged file what it gives of none, and what is wrong with it."""
    try:
        return read(content), None
    except Exception as error:  # of several decoders
        return read(None), f"{type(error).__name__}: {error}"


def counts(content: bytes | None) -> dict[str, Any]:
    """Fields from frames.npz: frames, classes and confusions."""
    if content is None:
        return {}
    with np.load(io.BytesIO(content)) as found:
        if "classes" not in found:
            return {}  # written before classes were named there
        return {
            "frames": found["frame"].tolist(),
            "classes": found["classes"].tolist(),
            "confusions": found["confusion"].astype(np.int64),
        }


def curves(content: bytes | None) -> dict[str, list[tuple[int, float]]]:
    """Curve -> points, from curves.csv."""
    found: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for row in csv.DictReader(io.StringIO((content or b"").decode())):
        found[row["curve"]].append((int(row["step"]), float(row["value"])))
    return dict(found)


def samples(content: bytes | None) -> tuple[dict[str, Sample], list[tuple[int, int, int]]]:
    """Frame name -> what was seen there, and the colours of the classes, from samples.npz."""
    if content is None:
        return {}, []
    with np.load(io.BytesIO(content)) as found:
        parts = zip(
            found["frame"].tolist(),
            found["image"],
            found["label"],
            found["prediction"],
            strict=True,
        )
        colours = [(int(r), int(g), int(b)) for r, g, b in found["colours"]]
        return {name: Sample(*arrays) for name, *arrays in parts}, colours


def cost(found: Mapping[str, Any]) -> CellCost:
    """Of a cell, from its entry in latency.json."""
    forms = {form: _latency(found[form]) for form in ("clip", "streaming") if form in found}
    if "latency_ms_median" in found:  # written before there were two forms
        forms["clip"] = Latency(found["latency_ms_median"], found["latency_ms_p95"])
    return CellCost(**forms, gflops=found.get("gflops"), memory_mib=found.get("memory_mib"))


def _latency(found: Mapping[str, Any]) -> Latency:
    return Latency(
        found["median_ms"], found["p95_ms"], found["rounds_ms"], found["baseline_rounds_ms"]
    )

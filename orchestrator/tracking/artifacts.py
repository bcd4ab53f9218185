"""The decoding of the files of finished runs into fields of records."""

import csv
import io
from collections import defaultdict
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from reports.records import CellCost, Latency, Sample
from vss.profiling.latency_measurement import CellLatency, FormLatency

Fields = TypeVar("Fields")


def decode(
    content: bytes | None, decoder: Callable[[bytes | None], Fields]
) -> tuple[Fields, str | None]:
    """Decode a file; if it is damaged, return the fields of a missing file and the fault."""
    try:
        return decoder(content), None
    except Exception as error:  # decoders raise many kinds of errors
        return decoder(None), f"{type(error).__name__}: {error}"


def decode_counts(content: bytes | None) -> dict[str, Any]:
    """Decode frames.npz: the fields frames, classes and confusions."""
    if content is None:
        return {}
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        return {
            "frames": arrays["frame"].tolist(),
            "classes": arrays["classes"].tolist(),
            "confusions": arrays["confusion"].astype(np.int64),
        }


def decode_curves(content: bytes | None) -> dict[str, list[tuple[int, float]]]:
    """Decode curves.csv: curve -> (step, value) points."""
    curves: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for row in csv.DictReader(io.StringIO((content or b"").decode())):
        curves[row["curve"]].append((int(row["step"]), float(row["value"])))
    return dict(curves)


def decode_samples(content: bytes | None) -> tuple[dict[str, Sample], list[tuple[int, int, int]]]:
    """Decode samples.npz: frame name -> sample, and the colours of the classes."""
    if content is None:
        return {}, []
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        samples = zip(
            arrays["frame"].tolist(),
            arrays["image"],
            arrays["label"],
            arrays["prediction"],
            strict=True,
        )
        colours = [(int(r), int(g), int(b)) for r, g, b in arrays["colours"]]
        return {name: Sample(*pixels) for name, *pixels in samples}, colours


def convert_latency(latency: CellLatency) -> CellCost:
    """Convert the measured latency of a cell to the record that reports use."""
    return CellCost(
        clip=_convert_form(latency.clip),
        streaming=_convert_form(latency.streaming),
        gflops=latency.gflops,
        memory_mib=latency.peak_memory_mib,
    )


def _convert_form(form: FormLatency | None) -> Latency | None:
    if form is None:
        return None
    return Latency(**form.model_dump())

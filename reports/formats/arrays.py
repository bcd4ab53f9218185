"""The long parts of a report's records: confusion matrices and curves, as files.

`confusions.npz`, readable with `numpy.load`, the same bytes for the same record:

| array | contains |
|---|---|
| `trials` | (N,) ids, in the order of results.json |
| `frames_0`, `frames_1`, ... | (F,) names of scored frames; each distinct list is stored once |
| `classes_0`, ... | (K,) names of classes, in the order of the label values |
| `frames_of`, `classes_of` | (N,) the number of each trial's list |
| `confusions/ID` | (F, K, K) pixel counts, rows are labels; absent if the trial saved none |

`curves.csv`: columns `trial_id`, `curve`, `step`, `value`; a curve without points is one row with
neither step nor value. Values have six digits if they come from MLflow.

Shapes: N trials, F frames, K classes.
"""

import csv
import io
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reports.formats.files import ReportError, read_file, shorten
from reports.formats.spreadsheet import guard, unguard
from reports.records import RunRecord

CONFUSIONS, CURVES = "confusions.npz", "curves.csv"
_COLUMNS = ["trial_id", "curve", "step", "value"]
# The zlib level: 1,000 trials x 233 frames x 11 classes take 1 s (level 6: 4 s, a tenth smaller).
_LEVEL = 1
# Bytes, unpacked: of all arrays, which take four times as much in memory, and of one with names.
_LARGEST, _LARGEST_NAMES = 2**30, 2**26
_MOST_PIXELS = 2**40  # of a frame; their sums over frames and classes fit into 64 bits
Curve = tuple[tuple[int, float], ...]


def normalise(run: RunRecord) -> dict[str, Any]:
    """Convert the long fields of a trial to the types that they are read back as."""
    return {
        "frames": tuple(run.frames),
        "classes": tuple(run.classes),
        "confusions": None
        if run.confusions is None
        else run.confusions.astype(np.int64, copy=False),
        "curves": {
            name: tuple((int(step), float(value)) for step, value in points)
            for name, points in run.curves.items()
        },
    }


def save_confusions(runs: Sequence[RunRecord], folder: Path) -> None:
    """Write confusions.npz, one trial after the other."""
    with zipfile.ZipFile(folder / CONFUSIONS, "w") as file:
        for name, array in _arrays(runs):
            content = io.BytesIO()
            np.lib.format.write_array(content, array, allow_pickle=False)
            # Unlike the entries of NumPy's own writer, this one has no timestamp.
            entry = zipfile.ZipInfo(f"{name}.npy")
            file.writestr(entry, content.getvalue(), zipfile.ZIP_DEFLATED, _LEVEL)


def _arrays(runs: Sequence[RunRecord]) -> Iterator[tuple[str, NDArray[Any]]]:
    yield "trials", np.array([run.trial_id for run in runs], dtype=np.str_)
    for kind in ("frames", "classes"):
        lists = [tuple(getattr(run, kind)) for run in runs]
        distinct = {names: number for number, names in enumerate(dict.fromkeys(lists))}
        for names, number in distinct.items():
            yield f"{kind}_{number}", np.array(names, dtype=np.str_)
        yield f"{kind}_of", np.array([distinct[names] for names in lists], dtype=np.int64)
    for run in runs:
        if run.confusions is not None:
            yield f"confusions/{run.trial_id}", _compact(run.confusions)


def _compact(counts: NDArray[np.int64]) -> NDArray[Any]:
    """Store counts in as few bytes as they need, and those of one pair of classes side by side.

    They compress to two thirds of what they would take frame by frame in four bytes.
    """
    smallest = next(
        (kind for kind in (np.uint16, np.uint32) if np.array_equal(counts.astype(kind), counts)),
        np.int64,
    )
    return counts.astype(smallest, order="F")


def load_confusions(folder: Path, trial_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Read the frames, classes and confusions of each trial.

    Raises:
        ReportError: if the file is missing or damaged, or lists different trials.
    """
    path = folder / CONFUSIONS
    return read_file(path, lambda: _read_confusions(path, trial_ids))


def _read_confusions(path: Path, trial_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    _check_sizes(path)
    with np.load(path, allow_pickle=False) as file:
        if file["trials"].tolist() != list(trial_ids):
            raise ReportError(f"{path} lists different trials from results.json")
        names = {
            kind: [tuple(file[f"{kind}_{number}"].tolist()) for number in file[f"{kind}_of"]]
            for kind in ("frames", "classes")
        }
        trials = {}
        for index, trial_id in enumerate(trial_ids):
            frames, classes = names["frames"][index], names["classes"][index]
            counts = None
            if (name := f"confusions/{trial_id}") in file:
                counts = _check_counts(name, file[name], (len(frames), len(classes), len(classes)))
            trials[trial_id] = {"frames": frames, "classes": classes, "confusions": counts}
    return trials


def _check_counts(name: str, counts: NDArray[Any], shape: tuple[int, ...]) -> NDArray[np.int64]:
    if counts.shape != shape:
        raise ValueError(f"{name} has the shape {counts.shape} instead of {shape}")
    if counts.dtype.kind not in "iu":
        raise ValueError(f"{name} has numbers of type {counts.dtype} instead of counts")
    if counts.size and not 0 <= counts.min() <= counts.max() <= _MOST_PIXELS:
        raise ValueError(f"{name} has counts from {counts.min()} to {counts.max()}")
    return np.ascontiguousarray(counts, dtype=np.int64)


def _check_sizes(path: Path) -> None:
    """Refuse a small file that would unpack to more than the memory."""
    with zipfile.ZipFile(path) as archive:
        sizes = {part.filename: part.file_size for part in archive.infolist()}
    names = [size for name, size in sizes.items() if not name.startswith("confusions/")]
    if max(names, default=0) > _LARGEST_NAMES or sum(sizes.values()) > _LARGEST:
        raise ReportError(f"{path} unpacks to more than any report has")


def count_curve_rows(runs: Sequence[RunRecord]) -> int:
    """Count the lines of curves.csv below its heading."""
    return sum(max(1, len(points)) for run in runs for points in run.curves.values())


def save_curves(runs: Sequence[RunRecord], folder: Path) -> None:
    """Write curves.csv."""
    with (folder / CURVES).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(_COLUMNS)
        for run in runs:
            for name, points in run.curves.items():
                writer.writerows(
                    (guard(run.trial_id), guard(name), step, repr(float(value)))
                    for step, value in points
                )
                if not points:
                    writer.writerow((guard(run.trial_id), guard(name), "", ""))


def load_curves(folder: Path, trial_ids: Sequence[str], rows: int) -> dict[str, dict[str, Curve]]:
    """Read the points of each curve of each trial.

    Args:
        folder: the folder of the report.
        trial_ids: the trials in results.json.
        rows: the number of rows that results.json states.

    Raises:
        ReportError: if the file is missing or damaged, or lists different trials.
    """
    path = folder / CURVES
    return read_file(path, lambda: _read_curves(path, trial_ids, rows))


def _read_curves(
    path: Path, trial_ids: Sequence[str], expected_rows: int
) -> dict[str, dict[str, Curve]]:
    trials: dict[str, dict[str, list[tuple[int, float]]]] = {each: {} for each in trial_ids}
    count = 0
    with path.open(encoding="utf-8", newline="") as file:
        for id_cell, name_cell, step, value in _curve_rows(file):
            trial_id, name = unguard(id_cell), unguard(name_cell)
            count += 1
            if trial_id not in trials:
                raise ReportError(
                    f"{path} lists trial '{shorten(trial_id)}', which results.json does not"
                )
            points = trials[trial_id].setdefault(name, [])
            if step:
                points.append((int(step), float(value)))
    if count != expected_rows:
        raise ValueError(f"it has {count} rows instead of {expected_rows}")
    return {
        trial_id: {name: tuple(points) for name, points in curves.items()}
        for trial_id, curves in trials.items()
    }


def _curve_rows(lines: Iterable[str]) -> Iterator[list[str]]:
    rows = csv.reader(lines)
    if next(rows, None) != _COLUMNS:
        raise ValueError(f"its first line is not {','.join(_COLUMNS)}")
    for row in rows:
        if len(row) != len(_COLUMNS):
            raise ValueError(
                f"line {rows.line_num} has {len(row)} columns instead of {len(_COLUMNS)}"
            )
        yield row

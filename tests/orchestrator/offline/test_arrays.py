"""Arrays of trial directories from elsewhere: each is what a trial writes, or refused."""

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from orchestrator.offline.arrays import check_samples, read_score
from vss.errors import UserError

CLASSES = ("road", "car")
FRAMES: Mapping[str, Any] = {
    "frame": np.array(["a/1", "a/2", "a/3"]),
    "classes": np.array(CLASSES),
    "confusion": np.array([[[3, 0], [0, 1]], [[0, 1], [0, 3]], [[0, 0], [0, 0]]], dtype=np.uint32),
}
SAMPLES: Mapping[str, Any] = {
    "frame": np.array(["a/1"]),
    "image": np.zeros((1, 4, 6, 3), np.uint8),
    "label": np.zeros((1, 8, 12), np.uint8),
    "prediction": np.zeros((1, 8, 12), np.uint8),
    "colours": np.zeros((2, 3), np.uint8),
}


def test_score_is_that_of_all_frames(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "frames.npz", **FRAMES)

    assert read_score(tmp_path / "frames.npz", CLASSES) == pytest.approx((3 / 4 + 4 / 5) / 2)


@pytest.mark.parametrize(
    ("name", "array", "reason"),
    [
        ("confusion", FRAMES["confusion"][:2], r"shape \(2, 2, 2\) instead of whole numbers and"),
        ("confusion", FRAMES["confusion"].astype(float), "type float64"),
        ("confusion", -FRAMES["confusion"].astype(np.int64), "negative counts"),
        ("confusion", np.asfortranarray(FRAMES["confusion"]), "no array that a trial writes"),
        ("confusion", np.array([{}], dtype=object), "no array that a trial writes"),
        ("frame", np.array([1, 2, 3]), "'frame' is no list of names"),
        ("frame", np.array(["a", "\x1b[2J", "c"]), "a name that is not printable"),
        ("frame", np.array(["a", "b" * 2000, "c"]), "or too long"),
        ("classes", np.array(["road", "bike"]), "classes are not those of the trial"),
    ],
)
def test_frames_of_another_form_are_refused(
    tmp_path: Path, name: str, array: Any, reason: str
) -> None:
    np.savez_compressed(tmp_path / "frames.npz", **{**FRAMES, name: array})

    with pytest.raises(UserError, match=reason):
        read_score(tmp_path / "frames.npz", CLASSES)


def lie(file: Path, arrays: Mapping[str, Any], name: str, shape: tuple[int, ...]) -> None:
    """Write arrays, of which one says in its header that it has another shape."""
    np.savez(file, **{key: array for key, array in arrays.items() if key != name})
    header = {"descr": arrays[name].dtype.str, "fortran_order": False, "shape": shape}
    with zipfile.ZipFile(file, "a") as archive, archive.open(f"{name}.npy", "w") as stream:
        np.lib.format.write_array_header_1_0(stream, header)
        stream.write(arrays[name].tobytes())


def test_header_that_promises_terabytes_is_refused(tmp_path: Path) -> None:
    lie(tmp_path / "frames.npz", FRAMES, "confusion", (10**12, 2, 2))

    with pytest.raises(UserError, match="'confusion' has the type"):
        read_score(tmp_path / "frames.npz", CLASSES)


@pytest.mark.parametrize(("height", "reason"), [(9, "shorter"), (7, "longer")])
def test_array_of_another_length_than_its_shape_is_refused(
    tmp_path: Path, height: int, reason: str
) -> None:
    samples = {**SAMPLES, "label": np.zeros((1, height, 12), np.uint8)}
    lie(tmp_path / "samples.npz", samples, "prediction", (1, height, 12))
    lie(tmp_path / "samples.npz", SAMPLES, "label", (1, height, 12))

    with pytest.raises(UserError, match=f"'label' is {reason} than its shape"):
        check_samples(tmp_path / "samples.npz")


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("image", np.zeros((1, 4, 6), np.uint8)),
        ("label", np.zeros((1, 8, 11), np.uint8)),
        ("prediction", np.zeros((2, 8, 12), np.uint8)),
        ("colours", np.zeros((2, 4), np.uint8)),
        ("colours", np.array(3, np.uint8)),
    ],
)
def test_samples_of_another_form_are_refused(tmp_path: Path, name: str, array: Any) -> None:
    np.savez(tmp_path / "samples.npz", **{**SAMPLES, name: array})

    with pytest.raises(UserError, match="has the type uint8 and the shape"):
        check_samples(tmp_path / "samples.npz")


def test_missing_array_is_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "samples.npz", frame=SAMPLES["frame"])

    with pytest.raises(UserError, match="it has no array 'image'"):
        check_samples(tmp_path / "samples.npz")


@pytest.mark.slow
def test_archive_of_too_many_parts_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "frames.npz", "w") as archive:
        archive.comment = b"x"
        for number in range(40_000):
            archive.writestr(zipfile.ZipInfo(f"{number:060}.npy"), b"")

    with pytest.raises(UserError, match="has too many parts"):
        read_score(tmp_path / "frames.npz", CLASSES)

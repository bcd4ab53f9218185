"""Broken files of a dataset, and remarks on it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from tests.conftest import paint_camvid
from tests.vss.data.check.conftest import make_dataset
from vss.data.check.inspection import inspect_dataset
from vss.data.check.named_dataset import open_dataset
from vss.data.dataset import IGNORE_LABEL


def test_progress_counts_every_frame() -> None:
    frames_read: list[int] = []

    inspect_dataset(
        make_dataset(("train", "a", 0), ("val", "a", 1)), 1, progress=frames_read.append
    )

    assert frames_read == [1, 2]


def test_labelled_frame_in_two_splits_is_broken() -> None:
    dataset = make_dataset(("train", "a", 7), ("test", "a", 7), ("test", "a", 8))

    assert inspect_dataset(dataset, 1).broken == ("a/000007: labelled in both train and test",)


def test_unlabelled_frame_in_two_splits_is_fine() -> None:
    dataset = make_dataset(("train", "a", 7), ("test", "a", 7))
    past = replace(dataset.frames[1], label="")

    report = inspect_dataset(replace(dataset, frames=(dataset.frames[0], past)), 1)

    assert report.broken == ()


def test_intact_camvid_has_no_broken_files_and_a_remark_on_its_counts(camvid: Path) -> None:
    report = inspect_dataset(open_dataset("camvid", camvid), 30, "camvid")

    assert report.broken == ()
    assert "labelled frames 4/4/4: 367/101/233 or 232 are published" in report.remarks


def test_class_that_a_split_lacks_is_a_remark() -> None:
    report = inspect_dataset(make_dataset(("train", "a", 7)), 1)

    assert "train contains no tram" in report.remarks


def test_split_without_labelled_frames_is_a_remark() -> None:
    report = inspect_dataset(make_dataset(("train", "a", 7), ("val", "b", 7)), 1)

    assert "test has no labelled frames" in report.remarks


def test_broken_files_are_named(tmp_path: Path) -> None:
    root = paint_camvid(tmp_path / "camvid")
    truncated = root / "train/0006R0_f00930.png"
    truncated.write_bytes(truncated.read_bytes()[:200])
    Image.new("L", (48, 30)).save(root / "valannot/0016E5_00960.png")
    Image.new("L", (24, 18)).save(root / "valannot/0016E5_00990.png")
    Image.new("L", (48, 36), 77).save(root / "testannot/Seq05VD_f00930.png")
    (root / "testannot/Seq05VD_f00960.png").write_text("not a picture")

    broken = inspect_dataset(open_dataset("camvid", root), 30, "camvid").broken

    files = [line.split(":")[0] for line in broken]
    assert sorted(files) == [
        "testannot/Seq05VD_f00930.png",
        "testannot/Seq05VD_f00960.png",
        "train/0006R0_f00930.png",
        "valannot/0016E5_00960.png",
        "valannot/0016E5_00990.png",
    ]
    assert (
        "valannot/0016E5_00960.png: 48x30 has a different aspect ratio from its image (48x36)"
        in broken
    )
    assert "valannot/0016E5_00990.png: 24x18, but most labels are 48x36" in broken
    assert any("77" in line for line in broken)


def test_unexpected_label_values_are_broken() -> None:
    dataset = make_dataset(("train", "a", 0))
    label = np.array([[0, 3], [200, IGNORE_LABEL]], dtype=np.uint8)
    image = np.zeros((6, 6, 3), dtype=np.uint8)
    odd = replace(dataset, read_label=lambda frame: label, read_image=lambda frame: image)

    assert inspect_dataset(odd, 1).broken == (
        "l0: unexpected label values 3, 200 (expected 0 to 2, or 255)",
    )

"""What is in a dataset, and what is broken in it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import paint_camvid
from vss.data.check.inspection import inspect, open_dataset
from vss.data.clips import list_clips
from vss.data.dataset import IGNORE_LABEL, Frame, VideoDataset
from vss.errors import UserError

CLASSES = {"road": (1, 1, 1), "sky": (2, 2, 2), "never": (3, 3, 3)}


def painted(*frames: tuple[str, str, int]) -> VideoDataset:
    """Frames (split, sequence, number), all labelled: 6 pixels road, 3 sky, 3 unlabelled."""
    label = np.array([[0] * 4, [0, 0, 1, 1], [1] + [IGNORE_LABEL] * 3], dtype=np.uint8)
    return VideoDataset(
        tuple(Frame(*frame, image=f"i{frame[2]}", label=f"l{frame[2]}") for frame in frames),
        "",
        read_image=lambda frame: np.zeros((6, 8, 3), dtype=np.uint8),
        read_label=lambda frame: label,
        classes=CLASSES,
    )


def test_classes_are_counted_in_pixels_and_frames() -> None:
    dataset = painted(("train", "a", 0), ("train", "a", 2), ("val", "b", 0))

    train = inspect(dataset, 2).splits["train"]

    assert (train.frames, train.labelled) == (2, 2)
    assert (train.image_sizes, train.label_sizes) == ({"8x6": 2}, {"4x3": 2})
    assert train.label_values == {0: 12, 1: 6, 255: 6}
    assert train.unlabelled_share == 0.25
    assert train.class_shares == pytest.approx({"road": 2 / 3, "sky": 1 / 3, "never": 0})
    assert train.class_frames == {"road": 2, "sky": 2, "never": 0}


def test_irregular_spacings_are_named() -> None:
    numbers = (0, 30, 60, 91, 120, 300)
    dataset = painted(*(("train", "a", number) for number in numbers))

    (sequence,) = inspect(dataset, 30).splits["train"].sequences

    assert (sequence.first, sequence.last, sequence.spacing) == (0, 300, 30)
    assert sequence.irregular == ((60, 91), (91, 120), (120, 300))


def test_predecessors_are_those_that_clips_are_made_of() -> None:
    numbers = (0, 30, 60, 91, 120, 300)
    dataset = painted(*(("train", "a", number) for number in numbers), ("val", "a", 270))

    train = inspect(dataset, 30).splits["train"]

    assert train.predecessors == {1: 2, 2: 1, 3: 0, 4: 0}  # of 30 and 60
    assert train.predecessors_near == {1: 2, 2: 2, 3: 2, 4: 1}  # of 91 and 120
    for k in (1, 2, 3, 4):
        memories = [
            set(clip.memory) - {clip.target} for clip in list_clips(dataset.frames, "train", k, 30)
        ]
        whole = sum(1 for memory in memories if len(memory) == k)
        assert train.predecessors[k] + train.predecessors_near[k] == whole


def test_progress_is_told_of_every_frame() -> None:
    told: list[int] = []

    inspect(painted(("train", "a", 0), ("val", "a", 1)), 1, progress=told.append)

    assert told == [1, 2]


def test_frame_with_a_label_in_two_splits_is_broken() -> None:
    dataset = painted(("train", "a", 7), ("test", "a", 7), ("test", "a", 8))

    assert inspect(dataset, 1).broken == ("a/000007: stands in train and test",)


def test_unlabelled_neighbour_in_two_splits_is_fine() -> None:
    dataset = painted(("train", "a", 7), ("test", "a", 7))
    past = replace(dataset.frames[1], label="")

    assert inspect(replace(dataset, frames=(dataset.frames[0], past)), 1).broken == ()


def test_sound_camvid_has_nothing_broken_and_other_counts_than_published(camvid: Path) -> None:
    report = inspect(open_dataset("camvid", camvid), 30, "camvid")

    assert report.broken == ()
    assert "labelled frames 4/4/4: published are 367/101/233 or 232" in report.remarks


def test_broken_files_are_named(tmp_path: Path) -> None:
    root = paint_camvid(tmp_path / "camvid")
    cut = root / "train/0006R0_f00930.png"
    cut.write_bytes(cut.read_bytes()[:200])
    Image.new("L", (48, 30)).save(root / "valannot/0016E5_00960.png")
    Image.new("L", (24, 18)).save(root / "valannot/0016E5_00990.png")
    Image.new("L", (48, 36), 77).save(root / "testannot/Seq05VD_f00930.png")
    (root / "testannot/Seq05VD_f00960.png").write_text("no picture")

    broken = inspect(open_dataset("camvid", root), 30, "camvid").broken

    files = [line.split(":")[0] for line in broken]
    assert sorted(files) == [
        "testannot/Seq05VD_f00930.png",
        "testannot/Seq05VD_f00960.png",
        "train/0006R0_f00930.png",
        "valannot/0016E5_00960.png",
        "valannot/0016E5_00990.png",
    ]
    assert "valannot/0016E5_00960.png: 48x30 does not fit its image, 48x36" in broken
    assert "valannot/0016E5_00990.png: 24x18, most labels are 48x36" in broken
    assert any("77" in line for line in broken)


def test_label_values_that_are_no_class_are_broken() -> None:
    dataset = painted(("train", "a", 0))
    label = np.array([[0, 3], [200, IGNORE_LABEL]], dtype=np.uint8)
    wide = np.zeros((6, 6, 3), dtype=np.uint8)
    odd = replace(dataset, read_label=lambda frame: label, read_image=lambda frame: wide)

    assert inspect(odd, 1).broken == ("l0: values 3, 200 are no class (0 to 2, 255)",)


@pytest.mark.parametrize(
    ("name", "path", "culprit"),
    [
        ("camvit", None, "camvit"),
        ("camvid", None, "camvid needs the folder"),
        ("camvid", Path("/not/there"), "/not/there"),
        ("synthetic", Path("somewhere"), "somewhere"),
    ],
)
def test_user_mistakes_are_named(name: str, path: Path | None, culprit: str) -> None:
    with pytest.raises(UserError, match=culprit):
        open_dataset(name, path)

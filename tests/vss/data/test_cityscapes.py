"""A tiny Cityscapes video dataset in the official format."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import tiny
from tests.vss.training.test_loop import run
from vss.data import cityscapes
from vss.data.clips import list_clips
from vss.data.dataset import IGNORE_LABEL
from vss.errors import UserError


def paint(root: Path, snippets: int = 2) -> Path:
    """Write snippets of 30 frames, of which the 20th is labelled with all ids from 0 to 33."""
    rng = np.random.default_rng(0)
    for split, city in (("train", "aachen"), ("val", "frankfurt")):
        for snippet in range(snippets):
            first = 275 if city == "frankfurt" else 0
            images = root / "leftImg8bit_sequence" / split / city
            labels = root / "gtFine" / split / city
            for folder in (images, labels):
                folder.mkdir(parents=True, exist_ok=True)
            for number in range(first, first + 30):
                pixels = rng.integers(0, 256, (16, 34, 3), dtype=np.uint8)
                name = f"{city}_{snippet:06d}_{number:06d}"
                Image.fromarray(pixels).save(images / f"{name}_leftImg8bit.png")
            ids = np.tile(np.arange(34, dtype=np.uint8), (16, 1))
            name = f"{city}_{snippet:06d}_{first + 19:06d}_gtFine_labelIds.png"
            Image.fromarray(ids).save(labels / name)
    return root


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return paint(tmp_path / "cityscapes")


CONFIG = tiny(dataset="cityscapes", clips=None, scored_split="val")


def test_the_20th_of_30_frames_is_labelled(root: Path) -> None:
    frames = cityscapes.load(CONFIG, root).frames

    assert len(frames) == 4 * 30
    assert [(f.split, f.sequence, f.number) for f in frames if f.label] == [
        ("train", "aachen_000000", 19), ("train", "aachen_000001", 19),
        ("val", "frankfurt_000000", 294), ("val", "frankfurt_000001", 294),
    ]  # fmt: skip


def test_memory_comes_from_the_same_snippet(root: Path) -> None:
    frames = cityscapes.load(CONFIG, root).frames

    (clip, _) = list_clips(frames, "val", 2, 3)

    assert [frames[i].number for i in clip.memory] == [288, 291]


def test_stock_ids_map_to_the_19_classes(root: Path) -> None:
    dataset = cityscapes.load(CONFIG, root)

    row = dataset.read_label(next(f for f in dataset.frames if f.label))[0].tolist()

    expected = {7: 0, 8: 1, 11: 2, 12: 3, 13: 4, 17: 5, 19: 6, 20: 7, 21: 8, 22: 9, 23: 10,
                24: 11, 25: 12, 26: 13, 27: 14, 28: 15, 31: 16, 32: 17, 33: 18}  # fmt: skip
    assert row == [expected.get(number, IGNORE_LABEL) for number in range(34)]
    assert len(dataset.classes) == 19


def test_label_without_its_image_is_named(root: Path) -> None:
    (root / "leftImg8bit_sequence/val/frankfurt/frankfurt_000000_000294_leftImg8bit.png").unlink()

    with pytest.raises(UserError, match="1 labels of val have no image .*frankfurt_000000_000294"):
        cityscapes.load(CONFIG, root)


def test_empty_folder_error_says_what_it_should_contain(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="leftImg8bit_sequence/train/CITY"):
        cityscapes.load(CONFIG, tmp_path)


def test_changed_label_changes_the_fingerprint(root: Path) -> None:
    original = cityscapes.load(CONFIG, root).fingerprint
    label = next((root / "gtFine" / "val").rglob("*.png"))
    Image.fromarray(np.zeros((16, 34), np.uint8)).save(label)

    assert cityscapes.load(CONFIG, root).fingerprint != original


@pytest.mark.slow
def test_training_decodes_only_the_frames_it_needs(root: Path, tmp_path: Path) -> None:
    config = tiny(
        dataset="cityscapes", clips=None, scored_split="val", head="tma", memory_length=2,
        frame_stride=3, steps=2,
    )  # fmt: skip

    result = run(config, tmp_path / "t", tmp_path / "cache", root)

    assert result is not None
    assert result.scored_frames == 2
    (images,) = (tmp_path / "cache").glob("*/images.npy")
    assert len(np.load(images, mmap_mode="r")) == 4 * 3


def test_scored_split_without_labels_is_refused_by_name(root: Path, tmp_path: Path) -> None:
    config = tiny(dataset="cityscapes", clips=None)

    with pytest.raises(
        UserError, match="split 'test' of cityscapes has no labelled frames: set scored_split"
    ):
        run(config, tmp_path / "t", tmp_path / "cache", root)

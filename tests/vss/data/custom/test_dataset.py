"""A user's own data, described by a YAML file."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import tiny
from tests.vss.training.test_loop import run
from vss.data.custom import dataset as folder
from vss.data.dataset import IGNORE_LABEL
from vss.errors import UserError
from vss.trial_config import TrialConfig

YAML = """
root: frames
images: "{split}/{sequence}/{number}.png"
labels: "{split}/{sequence}_labels/{number}.png"
classes: {road: [128, 64, 128], car: [0, 0, 142], größe: [1, 2, 3]}
form: index
splits: {train: training, val: validation, test: testing}
"""
PALETTE = np.array([[128, 64, 128], [0, 0, 142], [1, 2, 3], [9, 9, 9]], dtype=np.uint8)


def paint(place: Path, text: str = YAML) -> Path:
    """Three frames a split, the last two labelled; values 0 to 2 and 255, or their colours."""
    rng = np.random.default_rng(0)
    for split in ("training", "validation", "testing"):
        for kind in ("drive", "drive_labels"):
            (place / "frames" / split / kind).mkdir(parents=True)
        for number in (8, 9, 10):
            pixels = rng.integers(0, 256, (12, 16, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(place / "frames" / split / "drive" / f"{number}.png")
            if number > 8:
                label = np.tile(np.array([0, 1, 2, 3], dtype=np.uint8), (12, 4))
                shown = PALETTE[label] if "palette" in text else np.where(label == 3, 255, label)
                file = place / "frames" / split / "drive_labels" / f"{number}.png"
                Image.fromarray(shown.astype(np.uint8)).save(file)
    (place / "mine.yaml").write_text(text)
    return place / "mine.yaml"


def config(**changes: object) -> TrialConfig:
    return tiny(
        dataset="folder", clips=None, dataset_file=f"sha256:{'0' * 64}",
        classes=["road", "car", "größe"], **changes,
    )  # fmt: skip


def test_frames_are_found_in_order_with_their_labels(tmp_path: Path) -> None:
    frames = folder.load(config(), paint(tmp_path)).frames

    assert [(f.split, f.sequence, f.number, bool(f.label)) for f in frames[:3]] == [
        ("train", "train/drive", 8, False), ("train", "train/drive", 9, True),
        ("train", "train/drive", 10, True),
    ]  # fmt: skip
    assert len(frames) == 9


@pytest.mark.parametrize(
    "text", [YAML, YAML.replace("index", "palette") + "ignored: [[9, 9, 9]]\n"]
)
def test_values_and_colours_become_classes(text: str, tmp_path: Path) -> None:
    dataset = folder.load(config(), paint(tmp_path, text))

    label = dataset.read_label(dataset.frames[1])

    assert label[0, :4].tolist() == [0, 1, 2, IGNORE_LABEL]
    assert list(dataset.classes) == ["road", "car", "größe"]


def test_colour_that_is_no_class_is_named(tmp_path: Path) -> None:
    dataset = folder.load(config(), paint(tmp_path, YAML.replace("index", "palette")))

    with pytest.raises(UserError, match=r"label 9.png holds \[9, 9, 9\]"):
        dataset.read_label(dataset.frames[1])


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("form: index", "form: colour", "'form': .*'index' or 'palette'"),
        ("{number}.png", "1.png", "must hold {split}, {sequence} and {number}"),
        ("form: index", "from: index", "unknown setting 'from'"),
        ("car: [0, 0, 142]", "car: [0, 0]", "'classes.car.2'"),
        ("form: index", "form: index\nignored: [[1, 2, 3]]", "for form index it lists numbers"),
        ("root: frames", "root: nowhere", "no image below"),
        ("splits:", "- splits:", "is no YAML"),
    ],
)
def test_mistakes_are_named(before: str, after: str, message: str, tmp_path: Path) -> None:
    file = paint(tmp_path, YAML.replace(before, after, 1))

    with pytest.raises(UserError, match=message):
        folder.load(config(), file)


def test_other_classes_than_the_trials_are_refused(tmp_path: Path) -> None:
    file = paint(tmp_path)

    with pytest.raises(UserError, match="the trial road, truck, größe"):
        folder.load(config().model_copy(update={"classes": ["road", "truck", "größe"]}), file)


def test_it_trains(tmp_path: Path) -> None:
    result = run(config(), tmp_path / "t", tmp_path / "cache", paint(tmp_path / "data"))

    assert result is not None
    assert set(result.iou) == {"road", "car", "größe"}

"""A user's own data, described by a YAML file."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import tiny
from tests.vss.training.test_loop import run
from vss.data.custom import dataset as custom
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


def paint(folder: Path, text: str = YAML) -> Path:
    """Write three frames per split; the last two have labels of indices or of palette colours."""
    rng = np.random.default_rng(0)
    for split in ("training", "validation", "testing"):
        for kind in ("drive", "drive_labels"):
            (folder / "frames" / split / kind).mkdir(parents=True)
        for number in (8, 9, 10):
            pixels = rng.integers(0, 256, (12, 16, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / "frames" / split / "drive" / f"{number}.png")
            if number > 8:
                label = np.tile(np.array([0, 1, 2, 3], dtype=np.uint8), (12, 4))
                pixels = PALETTE[label] if "palette" in text else np.where(label == 3, 255, label)
                file = folder / "frames" / split / "drive_labels" / f"{number}.png"
                Image.fromarray(pixels.astype(np.uint8)).save(file)
    (folder / "mine.yaml").write_text(text)
    return folder / "mine.yaml"


def config(**changes: object) -> TrialConfig:
    return tiny(
        dataset="folder", clips=None, dataset_file=f"sha256:{'0' * 64}",
        classes=["road", "car", "größe"], **changes,
    )  # fmt: skip


def test_frames_are_listed_in_order_with_their_labels(tmp_path: Path) -> None:
    frames = custom.load(config(), paint(tmp_path)).frames

    assert [(f.split, f.sequence, f.number, bool(f.label)) for f in frames[:3]] == [
        ("train", "train/drive", 8, False), ("train", "train/drive", 9, True),
        ("train", "train/drive", 10, True),
    ]  # fmt: skip
    assert len(frames) == 9


def test_pipe_is_no_frame(tmp_path: Path) -> None:
    description = paint(tmp_path)
    os.mkfifo(tmp_path / "frames" / "training" / "drive" / "11.png")

    assert len(custom.load(config(), description).frames) == 9


@pytest.mark.slow
@pytest.mark.parametrize(
    "text", [YAML, YAML.replace("index", "palette") + "ignored: [[9, 9, 9]]\n"]
)
def test_values_and_colours_map_to_classes(text: str, tmp_path: Path) -> None:
    dataset = custom.load(config(), paint(tmp_path, text))

    label = dataset.read_label(dataset.frames[1])

    assert label[0, :4].tolist() == [0, 1, 2, IGNORE_LABEL]
    assert list(dataset.classes) == ["road", "car", "größe"]


@pytest.mark.slow
def test_unknown_colour_is_named(tmp_path: Path) -> None:
    dataset = custom.load(config(), paint(tmp_path, YAML.replace("index", "palette")))

    with pytest.raises(UserError, match=r"label 9.png contains \[9, 9, 9\]"):
        dataset.read_label(dataset.frames[1])


@pytest.mark.parametrize(
    ("original", "replacement", "message"),
    [
        ("form: index", "form: colour", "'form': .*'index' or 'palette'"),
        ("{number}.png", "1.png", "must contain {split}, {sequence} and {number}"),
        ("form: index", "from: index", "unknown setting 'from'"),
        ("car: [0, 0, 142]", "car: [0, 0]", "'classes.car.2'"),
        ("form: index", "form: index\nignored: [[1, 2, 3]]", "form index takes numbers"),
        ("root: frames", "root: nowhere", "no image in"),
        ("splits:", "- splits:", "is not valid YAML"),
    ],
)
def test_mistake_in_the_description_is_named(
    original: str, replacement: str, message: str, tmp_path: Path
) -> None:
    file = paint(tmp_path, YAML.replace(original, replacement, 1))

    with pytest.raises(UserError, match=message):
        custom.load(config(), file)


def test_classes_that_differ_from_the_trial_are_refused(tmp_path: Path) -> None:
    file = paint(tmp_path)

    with pytest.raises(UserError, match="the trial was planned with road, truck, größe"):
        custom.load(config().model_copy(update={"classes": ["road", "truck", "größe"]}), file)


def test_described_dataset_trains(tmp_path: Path) -> None:
    result = run(config(), tmp_path / "t", tmp_path / "cache", paint(tmp_path / "data"))

    assert result is not None
    assert set(result.iou) == {"road", "car", "größe"}

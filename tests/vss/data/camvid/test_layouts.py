"""Tiny datasets in the layouts in which CamVid circulates."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import tiny
from tests.vss.training.test_loop import run
from vss.data.camvid import dataset as camvid_dataset
from vss.data.camvid.labels import GROUPS
from vss.data.camvid.layouts import find_split, list_frames
from vss.data.dataset import IGNORE_LABEL, VideoDataset
from vss.errors import UserError

COLOURS = np.array([colour for colour, _ in GROUPS.values()], np.uint8)
LABELLED_STEMS = ("0006R0_f00930", "0006R0_f00960", "0016E5_07959", "0016E5_07961", "0001TP_008550",
            "Seq05VD_f00030")  # fmt: skip


def paint(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def still(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (36, 48, 3), dtype=np.uint8)


def colour_label() -> np.ndarray:
    """Return all 32 colours, one per column: (36, 48, 3)."""
    return np.broadcast_to(COLOURS[np.arange(48) % 32], (36, 48, 3)).copy()


@pytest.fixture
def official(tmp_path: Path) -> Path:
    root = tmp_path / "official"
    for seed, name in enumerate(LABELLED_STEMS):
        paint(root / "701_StillsRaw_full" / f"{name}.png", still(seed))
        paint(root / "LabeledApproved_full" / f"{name}_L.png", colour_label())
    return root


@pytest.fixture
def tmanet(tmp_path: Path) -> Path:
    root = tmp_path / "tmanet"
    lists: dict[str, list[str]] = {"train": [], "val": [], "test": []}
    for seed, name in enumerate(LABELLED_STEMS):
        paint(root / "images" / f"{name}.png", still(seed))
        label = np.broadcast_to((np.arange(48) % 12).astype(np.uint8), (36, 48))
        paint(root / "labels" / f"{name}_L.png", label.copy())
        sequence, number = name.split("_")
        lists[find_split(sequence, int(number.removeprefix("f")))].append(name)
    (root / "annotations").mkdir()
    for split, names in lists.items():
        (root / "annotations" / f"{split}.txt").write_text("\n".join(names) + "\n")
    for number in (928, 929, 930, 959, 1000):
        paint(root / "image_sequence" / f"0006R0_f{number:05d}.png", still(number))
    return root


def load(root: Path, void_class: bool = False) -> VideoDataset:
    return camvid_dataset.load(tiny(dataset="camvid", clips=None, void_class=void_class), root)


def test_official_layout_is_split_by_sequence_and_number(official: Path) -> None:
    listing = list_frames(official)

    assert listing.layout == "official"
    assert [(f.split, f.sequence, f.number) for f in listing.frames] == [
        ("train", "0006R0", 930), ("train", "0006R0", 960), ("val", "0016E5", 7959),
        ("val", "0016E5", 7961), ("test", "0001TP", 8550), ("test", "Seq05VD", 30)]  # fmt: skip


def test_split_rule_agrees_with_the_lists(real_camvid: Path) -> None:
    frames = list_frames(real_camvid).frames

    assert len(frames) == 701
    assert [find_split(f.sequence, f.number) for f in frames] == [f.split for f in frames]


def test_all_32_colours_map_to_their_classes(official: Path) -> None:
    dataset = load(official)

    label = dataset.read_label(dataset.frames[0])

    names = list(dataset.classes)
    groups = [group for _, group in GROUPS.values()]
    expected = [names.index(group) if group in names else IGNORE_LABEL for group in groups]
    assert label[0, :32].tolist() == expected
    assert len(GROUPS) == 32
    assert {group for group in groups if group != "Void"} == set(names)


def test_class_has_the_colour_of_its_official_namesake() -> None:
    """Classes such as Building are drawn as in the official labels."""
    from vss.catalog import DATASETS

    classes = DATASETS["camvid"].classes
    assert {n: c for n, (c, _) in GROUPS.items() if n in classes} == {
        n: c for n, c in classes.items() if n in GROUPS
    }


def test_a_few_stray_pixels_are_void_and_many_are_refused(official: Path) -> None:
    path = official / "LabeledApproved_full" / "0006R0_f00930_L.png"
    label = colour_label()
    label[0, 0] = (1, 2, 3)
    paint(path, label)
    dataset = load(official)
    assert dataset.read_label(dataset.frames[0])[0, 0] == IGNORE_LABEL

    label[:2] = (1, 2, 3)
    paint(path, label)
    with pytest.raises(UserError, match=r"5.6% of .* 0006R0_f00930_L.png .* \(1, 2, 3\)"):
        dataset.read_label(dataset.frames[0])


def test_label_without_image_is_named(official: Path) -> None:
    (official / "701_StillsRaw_full" / "0006R0_f00960.png").unlink()

    with pytest.raises(UserError, match="0006R0_f00960_L.png has no image .*1 of 6 labels"):
        list_frames(official)


def test_unknown_sequence_is_named(official: Path) -> None:
    paint(official / "a" / "Other_00001.png", still(0))
    paint(official / "a" / "Other_00001_L.png", colour_label())

    with pytest.raises(UserError, match="'Other' is not a sequence of CamVid"):
        list_frames(official)


def test_tmanet_layout_is_read_with_its_lists(tmanet: Path) -> None:
    listing = list_frames(tmanet)

    assert listing.layout == "tmanet"
    assert sum(bool(f.label) for f in listing.frames) == len(LABELLED_STEMS)


def test_unlabelled_frames_join_the_split_of_the_next_labelled_one(tmanet: Path) -> None:
    frames = [f for f in list_frames(tmanet).frames if f.sequence == "0006R0"]

    assert [(f.number, bool(f.label)) for f in frames] == [
        (928, False), (929, False), (930, True), (959, False), (960, True)]  # fmt: skip
    assert {f.split for f in frames} == {"train"}
    assert frames[2].image == "images/0006R0_f00930.png"


def test_tmanet_labels_have_void_first(tmanet: Path) -> None:
    without_void, with_void = load(tmanet), load(tmanet, void_class=True)
    labelled = next(frame for frame in without_void.frames if frame.label)

    assert with_void.read_label(labelled)[0, :12].tolist() == list(range(12))
    assert without_void.read_label(labelled)[0, :12].tolist() == [IGNORE_LABEL, *range(11)]


def test_tmanet_test_list_may_omit_the_first_frame(tmanet: Path) -> None:
    """The published list has 232 frames: it omits Seq05VD_f00000."""
    test_list = tmanet / "annotations" / "test.txt"
    test_list.write_text("0001TP_008550\n")

    assert [f.number for f in list_frames(tmanet).frames if f.split == "test"] == [8550]


def test_frame_in_two_tmanet_lists_is_refused(tmanet: Path) -> None:
    (tmanet / "annotations" / "val.txt").write_text("0006R0_f00930\n")

    with pytest.raises(
        UserError, match="val.txt, line 1: 0006R0_f00930 is also in the list of train"
    ):
        list_frames(tmanet)


def test_fingerprint_depends_on_unlabelled_frames(tmanet: Path) -> None:
    original = load(tmanet).fingerprint
    paint(tmanet / "image_sequence" / "0006R0_f00929.png", still(1))

    assert load(tmanet).fingerprint != original


def test_official_layout_trains(official: Path, tmp_path: Path) -> None:
    config = tiny(dataset="camvid", clips=None, batch_size=1, steps=2)

    result = run(config, tmp_path / "t", tmp_path / "cache", official)

    assert result is not None
    assert "miou_without_void" not in result.metrics


def test_tmanet_layout_trains_on_void_and_scores_both_ways(tmanet: Path, tmp_path: Path) -> None:
    config = tiny(
        dataset="camvid", clips=None, void_class=True, head="tma", memory_length=1, steps=2,
        batch_size=1,
    )  # fmt: skip

    result = run(config, tmp_path / "t", tmp_path / "cache", tmanet)

    assert result is not None
    assert list(result.iou)[:2] == ["Void", "Sky"]
    assert {"miou", "miou_without_void"} <= set(result.metrics)
    description = json.loads((tmp_path / "t" / config.trial_id / "data.json").read_text())
    assert description["memory_frames"]["train"]["exact"] > 0

"""CamVid in its index layout, and rules for all layouts."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import tiny
from vss.data.camvid import dataset as camvid_dataset
from vss.data.camvid import layouts
from vss.data.dataset import IGNORE_LABEL, VideoDataset
from vss.errors import UserError


def load(root: Path, void_class: bool = False) -> VideoDataset:
    return camvid_dataset.load(tiny(dataset="camvid", clips=None, void_class=void_class), root)


def test_lists_with_paths_from_another_machine_are_read(camvid: Path) -> None:
    frames = load(camvid).frames

    assert [f.number for f in frames if f.split == "train"] == [930, 960, 990, 1020]
    assert frames[0].image == "train/0006R0_f00930.png"
    assert frames[0].sequence == "0006R0"


def test_names_of_all_sequences_are_parsed() -> None:
    numbers = {
        "0001TP_006690": 6690, "0006R0_f00930": 930, "Seq05VD_f00000": 0, "0016E5_00390": 390,
    }  # fmt: skip

    assert {name: layouts.parse_name(name, "")[1] for name in numbers} == numbers


def test_void_becomes_the_ignored_label(camvid: Path) -> None:
    dataset = load(camvid)

    label = dataset.read_label(dataset.frames[0])

    assert set(np.unique(label)) == {*range(11), IGNORE_LABEL}


def test_void_class_comes_first(camvid: Path) -> None:
    without_void, with_void = load(camvid), load(camvid, void_class=True)

    label, label_with_void = (d.read_label(d.frames[0]) for d in (without_void, with_void))

    assert list(with_void.classes)[:3] == ["Void", "Sky", "Building"]
    assert len(with_void.classes) == 12
    assert set(np.unique(label_with_void)) == set(range(12))
    assert np.array_equal(label_with_void == 0, label == IGNORE_LABEL)
    assert np.array_equal(label_with_void[label_with_void > 0] - 1, label[label != IGNORE_LABEL])


def test_class_rule_is_part_of_the_fingerprint(camvid: Path) -> None:
    assert load(camvid).fingerprint != load(camvid, void_class=True).fingerprint


def test_missing_list_is_named(camvid: Path) -> None:
    (camvid / "val.txt").unlink()

    with pytest.raises(UserError, match="is incomplete: val.txt is missing; expected"):
        load(camvid)


def test_list_that_is_no_text_is_named(camvid: Path) -> None:
    (camvid / "val.txt").write_bytes(b"\xff\xfe\xa6")

    with pytest.raises(UserError, match=r"list .*val.txt is not UTF-8 text"):
        load(camvid)


def test_missing_image_is_named_with_its_line(camvid: Path) -> None:
    (camvid / "train" / "0006R0_f00960.png").unlink()

    with pytest.raises(
        UserError, match=r"train/0006R0_f00960.png is missing \(.*train.txt, line 2"
    ):
        load(camvid)


def test_unreadable_image_is_named(camvid: Path) -> None:
    (camvid / "train" / "0006R0_f00960.png").write_bytes(b"not an image")
    dataset = load(camvid)

    with pytest.raises(UserError, match="cannot read image 0006R0_f00960.png"):
        dataset.read_image(dataset.frames[1])


def test_unknown_label_value_is_named(camvid: Path) -> None:
    Image.fromarray(np.full((36, 48), 12, np.uint8)).save(
        camvid / "trainannot" / "0006R0_f00930.png"
    )
    dataset = load(camvid)

    with pytest.raises(UserError, match=r"0006R0_f00930.png contains the value 12 .*0 to 11"):
        dataset.read_label(dataset.frames[0])


def test_list_line_with_one_word_is_named(camvid: Path) -> None:
    (camvid / "test.txt").write_text("test/a_1.png\n")

    with pytest.raises(UserError, match="test.txt, line 1: expected an image and a label, got 1"):
        load(camvid)


def test_fingerprint_depends_on_the_pixels(camvid: Path) -> None:
    original = load(camvid).fingerprint
    image = camvid / "train" / "0006R0_f00930.png"
    Image.fromarray(np.zeros((36, 48, 3), np.uint8)).save(image)

    assert load(camvid).fingerprint != original


def test_fingerprint_does_not_depend_on_the_folder(camvid: Path, tmp_path: Path) -> None:
    original = load(camvid).fingerprint

    moved = camvid.rename(tmp_path / "elsewhere")

    assert load(moved).fingerprint == original


def test_real_dataset_has_its_published_size(real_camvid: Path) -> None:
    frames = load(real_camvid).frames

    counts = {split: sum(f.split == split for f in frames) for split in ("train", "val", "test")}
    assert counts == {"train": 367, "val": 101, "test": 233}

"""Datasets loaded by the names in the settings."""

from pathlib import Path

from tests.conftest import tiny
from vss.data.dataset import Frame, load_dataset


def test_dataset_is_loaded_by_its_name(camvid: Path) -> None:
    synthetic = load_dataset(tiny(clips=1), None)
    from_folder = load_dataset(tiny(dataset="camvid", clips=None), camvid)

    assert "Verge" in synthetic.classes
    assert {frame.sequence for frame in from_folder.frames} == {"0006R0", "0016E5", "Seq05VD"}


def test_name_of_a_frame_is_its_sequence_and_number() -> None:
    assert Frame("train", "0006R0", 930, "image.png", "").name == "0006R0/000930"

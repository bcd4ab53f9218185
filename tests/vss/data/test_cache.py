"""The cache of decoded frames."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import tiny
from vss.data.cache import decode
from vss.data.camvid import dataset as camvid_dataset
from vss.data.dataset import VideoDataset
from vss.errors import UserError


@pytest.fixture
def dataset(camvid: Path) -> VideoDataset:
    return camvid_dataset.load(tiny(), camvid)


def test_images_are_scaled_and_labels_keep_their_size(
    dataset: VideoDataset, tmp_path: Path
) -> None:
    video = decode(dataset, 24, 16, tmp_path / "cache")

    assert video.images.shape == (12, 16, 24, 3)
    assert video.labels.shape == (12, 36, 48)


def test_pixels_match_the_files(dataset: VideoDataset, tmp_path: Path) -> None:
    video = decode(dataset, 48, 36, tmp_path / "cache")

    assert np.array_equal(video.images[3], dataset.read_image(dataset.frames[3]))
    assert np.array_equal(video.labels[3], dataset.read_label(dataset.frames[3]))


def test_second_trial_reuses_decoded_frames(dataset: VideoDataset, tmp_path: Path) -> None:
    decode(dataset, 24, 16, tmp_path / "cache")

    def refuse(frame: object) -> None:
        raise AssertionError("decoded twice")

    unreadable = replace(dataset, read_image=refuse, read_label=refuse)  # type: ignore[arg-type]
    assert decode(unreadable, 24, 16, tmp_path / "cache").images.shape == (12, 16, 24, 3)


def test_label_rows_skip_unlabelled_frames(dataset: VideoDataset, tmp_path: Path) -> None:
    first, *rest = dataset.frames
    unlabelled = replace(dataset, frames=(first, replace(rest[0], label=""), *rest[1:]))

    video = decode(unlabelled, 24, 16, tmp_path / "cache")

    assert video.label_rows[:4].tolist() == [0, -1, 1, 2]
    assert np.array_equal(video.labels[1], dataset.read_label(dataset.frames[2]))


def test_label_of_a_different_size_is_named(camvid: Path, tmp_path: Path) -> None:
    Image.fromarray(np.zeros((10, 12), np.uint8)).save(camvid / "testannot" / "Seq05VD_f00960.png")

    with pytest.raises(UserError, match=r"testannot/Seq05VD_f00960.png is 12x10 pixels, .* 48x36"):
        decode(camvid_dataset.load(tiny(), camvid), 24, 16, tmp_path / "cache")


def test_failed_decoding_leaves_nothing_behind(camvid: Path, tmp_path: Path) -> None:
    (camvid / "val" / "0016E5_00930.png").write_bytes(b"broken")
    dataset = camvid_dataset.load(tiny(), camvid)

    with pytest.raises(UserError, match="0016E5_00930.png"):
        decode(dataset, 24, 16, tmp_path / "cache")

    assert [p.suffix for p in (tmp_path / "cache").iterdir()] == [".lock"]


def test_different_frames_of_the_same_data_are_cached_separately(
    dataset: VideoDataset, tmp_path: Path
) -> None:
    decode(dataset, 24, 16, tmp_path / "cache")

    fewer = decode(replace(dataset, frames=dataset.frames[2:]), 24, 16, tmp_path / "cache")

    assert len(fewer.images) == len(dataset.frames) - 2


def test_full_disk_is_refused_before_anything_is_written(
    dataset: VideoDataset, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=r"decoded frames take .* GiB in .* free: free some space"):
        decode(dataset, 10**6, 10**6, tmp_path / "cache")

    assert [path for path in (tmp_path / "cache").iterdir() if path.is_dir()] == []

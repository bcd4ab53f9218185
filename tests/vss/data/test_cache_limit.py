"""The size limit of the cache of decoded frames."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conftest import tiny
from vss.data.cache import decode
from vss.data.cache_limit import make_room
from vss.data.camvid import dataset as camvid_dataset
from vss.data.dataset import VideoDataset
from vss.errors import UserError

SIZE = 12 * (16 * 24 * 3 + 36 * 48) + 256  # bytes of twelve frames of 24x16 with their labels
GIB = 2**30


@pytest.fixture
def dataset(camvid: Path) -> VideoDataset:
    return camvid_dataset.load(tiny(), camvid)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    folder = tmp_path / "cache"
    folder.mkdir()
    return folder


def variant(dataset: VideoDataset, number: int) -> VideoDataset:
    """Return the same frames as those of different data."""
    return replace(dataset, fingerprint=f"{number:064x}"[::-1])


def names(cache: Path) -> set[str]:
    return {folder.name[0] for folder in cache.iterdir() if folder.is_dir()}


def decode_unused(dataset: VideoDataset, number: int, cache: Path, seconds: float) -> None:
    """Decode data that was used last a number of seconds after 1970, and let go of it."""
    decode(variant(dataset, number), 24, 16, cache)
    (mark,) = cache.glob(f"{number}*/in_use")
    os.utime(mark, (seconds, seconds))


def test_least_recently_used_frames_go(dataset: VideoDataset, cache: Path) -> None:
    for number, seconds in ((1, 20), (2, 10), (3, 30)):
        decode_unused(dataset, number, cache, seconds)

    decode(variant(dataset, 4), 24, 16, cache, limit_gb=3.5 * SIZE / GIB)

    assert names(cache) == {"1", "3", "4"}


def test_opening_frames_makes_them_recent(dataset: VideoDataset, cache: Path) -> None:
    decode_unused(dataset, 1, cache, 10)
    decode_unused(dataset, 2, cache, 20)
    decode(variant(dataset, 1), 24, 16, cache)

    decode(variant(dataset, 3), 24, 16, cache, limit_gb=2.5 * SIZE / GIB)

    assert names(cache) == {"1", "3"}


def test_frames_in_use_stay_even_above_the_limit(dataset: VideoDataset, cache: Path) -> None:
    video = decode(variant(dataset, 1), 24, 16, cache)

    decode(variant(dataset, 2), 24, 16, cache, limit_gb=1.5 * SIZE / GIB)

    assert names(cache) == {"1", "2"}
    assert video.images.shape == (12, 16, 24, 3)


def test_frames_that_another_process_uses_stay(dataset: VideoDataset, cache: Path) -> None:
    decode_unused(dataset, 1, cache, 10)
    (folder,) = [path for path in cache.iterdir() if path.is_dir()]
    code = (
        "import sys, pathlib, vss.data.cache_limit as c\n"
        f"use = c.Use(pathlib.Path({str(folder)!r}))\n"
        "print('ready', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        decode(variant(dataset, 2), 24, 16, cache, limit_gb=1.5 * SIZE / GIB)
        assert names(cache) == {"1", "2"}
        process.kill()

    decode(variant(dataset, 3), 24, 16, cache, limit_gb=2.5 * SIZE / GIB)

    assert "1" not in names(cache)


def test_what_a_killed_process_left_unfinished_goes(dataset: VideoDataset, cache: Path) -> None:
    unfinished = cache / f"{'a' * 16}-{'b' * 8}-24x16.{'c' * 8}"
    unfinished.mkdir()
    (unfinished / "images.npy").write_bytes(bytes(SIZE))

    make_room(cache, SIZE, limit_gb=1.5 * SIZE / GIB)

    assert not unfinished.exists()


def test_other_folders_stay(cache: Path) -> None:
    (cache / "models").mkdir()
    (cache / "models" / "weights").write_bytes(bytes(SIZE))

    make_room(cache, SIZE, limit_gb=1.5 * SIZE / GIB)

    assert (cache / "models" / "weights").exists()


def test_frames_above_the_limit_are_refused(cache: Path) -> None:
    with pytest.raises(UserError, match=r"take 2\.0 GiB, more than the 1\.0 GiB allowed in .*GB"):
        make_room(cache, 2 * GIB, limit_gb=1)

"""The synthetic drive."""

import numpy as np
import pytest

from tests.conftest import tiny
from vss import catalog
from vss.data.clips import list_clips
from vss.data.synthetic import dataset as synthetic


def test_clip_is_the_same_every_time() -> None:
    first = synthetic.render_clip("train0000")
    synthetic.render_clip.cache_clear()

    again = synthetic.render_clip("train0000")

    assert np.array_equal(first[0], again[0])
    assert np.array_equal(first[1], again[1])


PINNED_SUMMARY = (1, 258142, 125.3)


def test_pixels_are_those_of_this_version() -> None:
    """A change to the rendering must raise VERSION, so that no trial on old pixels is reused."""
    images, labels = synthetic.render_clip("train0000")

    assert (synthetic.VERSION, int(labels.sum()), round(float(images.mean()), 1)) == PINNED_SUMMARY


@pytest.mark.slow
def test_every_class_occurs() -> None:
    labels = np.concatenate([synthetic.render_clip(f"test{n:04d}")[1] for n in range(4)])

    assert set(np.unique(labels)) == set(range(len(catalog.DATASETS["synthetic"].classes)))


def test_splits_have_different_clips() -> None:
    train, test = (synthetic.render_clip(f"{split}0000")[1] for split in ("train", "test"))

    assert not np.array_equal(train, test)


def test_targets_do_not_depend_on_the_memory() -> None:
    frames = synthetic.load(tiny(clips=3), None).frames

    targets = [
        [clip.target for clip in list_clips(frames, "train", length, 1)] for length in (0, 4)
    ]

    assert targets[0] == targets[1]
    assert len(targets[0]) == 3 * synthetic.TARGETS


def test_every_target_has_a_complete_memory() -> None:
    frames = synthetic.load(tiny(clips=2), None).frames

    for clip in list_clips(frames, "test", synthetic.HISTORY, 1):
        assert len(set(clip.memory)) == synthetic.HISTORY


@pytest.mark.slow
def test_frames_are_degraded_independently() -> None:
    """About a third of the frames are lost altogether: almost black or almost white."""
    images = np.concatenate([synthetic.render_clip(f"train{n:04d}")[0] for n in range(12)])

    brightness = np.median(images, axis=(1, 2, 3))

    lost = (brightness < 30) | (brightness > 225)
    assert 0.2 < lost.mean() < 0.45


def test_number_of_clips_is_part_of_the_fingerprint() -> None:
    fingerprints = {synthetic.load(tiny(clips=n), None).fingerprint for n in (2, 3)}

    assert len(fingerprints) == 2

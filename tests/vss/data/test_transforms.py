"""Batches: normalisation and geometry."""

import numpy as np
import torch

from tests.conftest import tiny
from vss.data.cache import DecodedVideo
from vss.data.clips import IGNORE_LABEL, Clip, Frame
from vss.data.transforms import augment, gather

CPU = torch.device("cpu")


def ramp_batch(clips: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    """Two frames that both show the column's number, and labels that say it too."""
    columns = torch.arange(16).float().expand(8, 16)
    return columns.expand(clips, 2, 3, 8, 16).clone(), columns.expand(clips, 8, 16).byte()


def test_gathered_frames_are_oldest_first_and_normalised() -> None:
    images = np.stack([np.full((4, 4, 3), value, np.uint8) for value in (0, 124)])
    frames = tuple(Frame("train", "s", n, "i", "l") for n in range(2))
    video = DecodedVideo(frames, images, np.zeros((2, 4, 4), np.uint8), np.arange(2))

    batch, _ = gather(video, [Clip(1, (0,))], CPU)

    assert batch.shape == (1, 2, 3, 4, 4)
    torch.testing.assert_close(batch[0, 0, 0, 0, 0], torch.tensor(-123.675 / 58.395))
    torch.testing.assert_close(batch[0, 1, 0, 0, 0], torch.tensor((124 - 123.675) / 58.395))


def test_no_augmentation_changes_nothing() -> None:
    images, labels = ramp_batch()
    config = tiny(flip=False)

    moved, picked = augment(images, labels, config, np.random.default_rng(0))

    torch.testing.assert_close(moved, images, atol=1e-4, rtol=0)
    assert torch.equal(picked, labels.long())


def test_half_of_the_clips_is_mirrored_with_their_labels() -> None:
    images, labels = ramp_batch(clips=200)

    moved, picked = augment(images, labels, tiny(flip=True), np.random.default_rng(0))

    mirrored = picked[:, 0, 0] == 15
    assert 70 < mirrored.sum() < 130
    torch.testing.assert_close(moved[:, 0, 0], picked.float(), atol=1e-4, rtol=0)


def test_all_frames_of_a_clip_move_together() -> None:
    images, labels = ramp_batch(clips=20)
    config = tiny(scale_min=0.5, scale_max=2.0)

    moved, _ = augment(images, labels, config, np.random.default_rng(0))

    assert torch.equal(moved[:, 0], moved[:, 1])


def test_clips_move_differently() -> None:
    images, labels = ramp_batch(clips=2)
    config = tiny(scale_max=2.0)

    moved, _ = augment(images, labels, config, np.random.default_rng(0))

    assert not torch.equal(moved[0], moved[1])


def test_zooming_in_shows_a_part_and_no_margin() -> None:
    images, labels = ramp_batch(clips=20)
    config = tiny(scale_min=2.0, scale_max=2.0, flip=False)

    _, picked = augment(images, labels, config, np.random.default_rng(0))

    assert (picked != IGNORE_LABEL).all()
    shown = picked.amax(dim=(1, 2)) - picked.amin(dim=(1, 2))
    assert ((shown == 7) | (shown == 8)).all()


def test_zooming_out_ignores_the_margin() -> None:
    images, labels = ramp_batch(clips=20)
    config = tiny(scale_min=0.5, scale_max=0.5, flip=False)

    _, picked = augment(images, labels, config, np.random.default_rng(0))

    ignored = (picked == IGNORE_LABEL).float().mean(dim=(1, 2))
    assert ((ignored > 0.7) & (ignored < 0.8)).all()


def test_ignored_pixels_stay_ignored() -> None:
    images, labels = ramp_batch()
    labels[:] = IGNORE_LABEL

    _, picked = augment(images, labels, tiny(scale_max=2.0), np.random.default_rng(0))

    assert (picked == IGNORE_LABEL).all()


def test_labels_come_out_at_the_images_size() -> None:
    images, _ = ramp_batch()
    labels = torch.arange(32).byte().expand(1, 16, 32)

    _, picked = augment(images, labels, tiny(flip=False), np.random.default_rng(0))

    assert picked.shape == (1, 8, 16)
    assert (picked[0, 0] // 2).tolist() == list(range(16))

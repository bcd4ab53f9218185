"""Batches: normalisation and geometry."""

import numpy as np
import torch

from tests.conftest import tiny
from vss.data.augmentation.transforms import augment, draw_augmentation, take_share
from vss.data.cache import DecodedVideo
from vss.data.clips import Clip
from vss.data.dataset import IGNORE_LABEL, Frame
from vss.data.tensors import MEAN, STD, load_clips
from vss.trial_config import TrialConfig

CPU = torch.device("cpu")


def ramp_batch(clips: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    """Two frames that both show the column's number, and labels that say it too."""
    columns = torch.arange(16).byte().expand(8, 16)
    pixels = columns[:, :, None].expand(clips, 2, 8, 16, 3).clone()
    return pixels, columns.expand(clips, 8, 16).clone()


def augmented(
    pixels: torch.Tensor, labels: torch.Tensor, config: TrialConfig, seed: int = 0
) -> tuple[torch.Tensor, torch.Tensor]:
    """Values as they were before the normalisation, (B, T + 1, 3, c, d), and labels."""
    draws = draw_augmentation(config, len(pixels), np.random.default_rng(seed))
    images, picked = augment(pixels, labels, config, draws)
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (MEAN, STD))
    return images * std + mean, picked


def test_gathered_frames_are_oldest_first_and_normalised() -> None:
    images = np.stack([np.full((4, 4, 3), value, np.uint8) for value in (0, 124)])
    frames = tuple(Frame("train", "s", n, "i", "l") for n in range(2))
    video = DecodedVideo(frames, images, np.zeros((2, 4, 4), np.uint8), np.arange(2))

    batch, _ = load_clips(video, [Clip(1, (0,))], CPU)

    assert batch.shape == (1, 2, 3, 4, 4)
    torch.testing.assert_close(batch[0, 0, 0, 0, 0], torch.tensor(-123.675 / 58.395))
    torch.testing.assert_close(batch[0, 1, 0, 0, 0], torch.tensor((124 - 123.675) / 58.395))


def test_no_augmentation_changes_nothing() -> None:
    images, labels = ramp_batch()
    config = tiny(flip=False)

    moved, picked = augmented(images, labels, config)

    torch.testing.assert_close(moved, images.movedim(-1, 2).float(), atol=1e-3, rtol=0)
    assert torch.equal(picked, labels.long())


def test_half_of_the_clips_is_mirrored_with_their_labels() -> None:
    images, labels = ramp_batch(clips=200)

    moved, picked = augmented(images, labels, tiny(flip=True))

    mirrored = picked[:, 0, 0] == 15
    assert 70 < mirrored.sum() < 130
    torch.testing.assert_close(moved[:, 0, 0], picked.float(), atol=1e-3, rtol=0)


def test_all_frames_of_a_clip_move_together() -> None:
    images, labels = ramp_batch(clips=20)
    config = tiny(scale_min=0.5, scale_max=2.0)

    moved, _ = augmented(images, labels, config)

    assert torch.equal(moved[:, 0], moved[:, 1])


def test_clips_move_differently() -> None:
    images, labels = ramp_batch(clips=2)
    config = tiny(scale_max=2.0)

    moved, _ = augmented(images, labels, config)

    assert not torch.equal(moved[0], moved[1])


def test_zooming_in_shows_a_part_and_no_margin() -> None:
    images, labels = ramp_batch(clips=20)
    config = tiny(scale_min=2.0, scale_max=2.0, flip=False)

    _, picked = augmented(images, labels, config)

    assert (picked != IGNORE_LABEL).all()
    shown = picked.amax(dim=(1, 2)) - picked.amin(dim=(1, 2))
    assert ((shown == 7) | (shown == 8)).all()


def test_zooming_out_ignores_the_margin() -> None:
    images, labels = ramp_batch(clips=20)
    config = tiny(scale_min=0.5, scale_max=0.5, flip=False)

    _, picked = augmented(images, labels, config)

    ignored = (picked == IGNORE_LABEL).float().mean(dim=(1, 2))
    assert ((ignored > 0.7) & (ignored < 0.8)).all()


def test_ignored_pixels_stay_ignored() -> None:
    images, labels = ramp_batch()
    labels[:] = IGNORE_LABEL

    _, picked = augmented(images, labels, tiny(scale_max=2.0))

    assert (picked == IGNORE_LABEL).all()


def test_labels_come_out_at_the_images_size() -> None:
    images, _ = ramp_batch()
    labels = torch.arange(32).byte().expand(1, 16, 32)

    _, picked = augmented(images, labels, tiny(flip=False))

    assert picked.shape == (1, 8, 16)
    assert (picked[0, 0] // 2).tolist() == list(range(16))


def test_crop_shows_a_part_at_full_scale() -> None:
    images, labels = ramp_batch(clips=20)
    config = tiny(crop_width=8, crop_height=4, flip=False)

    moved, picked = augmented(images, labels, config)

    assert moved.shape == (20, 2, 3, 4, 8)
    assert picked.shape == (20, 4, 8)
    # One label a pixel, but for a place between two of them.
    steps = picked[:, 0].diff(dim=1)
    assert ((steps >= 0) & (steps <= 2)).all()
    assert (picked[:, 0, -1] - picked[:, 0, 0]).float().mean() == 7
    assert len(picked[:, 0, 0].unique()) > 5


def test_crop_larger_than_the_zoomed_frame_has_an_ignored_margin() -> None:
    images, labels = ramp_batch(clips=4)
    config = tiny(crop_width=16, crop_height=16, flip=False)

    moved, picked = augmented(images, labels, config)

    outside = picked == IGNORE_LABEL
    assert outside.float().mean() == 0.5
    mean_colour = torch.tensor(MEAN).view(3, 1).expand(3, 1)
    margin = moved[0, 0][:, outside[0]]
    assert (
        torch.isclose(margin, mean_colour, atol=1e-3).float().mean() > 0.8
    )  # but for a bilinear row


def test_crop_that_one_class_fills_is_drawn_again() -> None:
    """Half of the frame is class 0; crops of a quarter of it often see nothing else."""
    images, labels = ramp_batch(clips=60)
    labels = (labels >= 8).byte()
    plain = tiny(crop_width=4, crop_height=4, flip=False)
    redrawn = tiny(crop_width=4, crop_height=4, flip=False, crop_max_class_share=0.99)

    def filled(config: TrialConfig) -> float:
        _, picked = augmented(images, labels, config)
        share = picked.float().mean(dim=(1, 2))
        return ((share == 0) | (share == 1)).float().mean().item()

    assert filled(plain) > 0.5
    assert filled(redrawn) < 0.15


def test_frames_of_a_clip_are_distorted_each_or_together() -> None:
    images, labels = ramp_batch(clips=8)
    images += 100

    def differ(photometric: str) -> bool:
        config = tiny(memory_length=1, head="tma", photometric=photometric)
        moved, _ = augmented(images, labels, config)
        return not torch.allclose(moved[:, 0], moved[:, 1])

    assert differ("per_frame")
    assert not differ("per_clip")


def test_a_share_of_a_batch_is_augmented_as_in_the_whole() -> None:
    images, labels = ramp_batch(clips=4)
    config = tiny(memory_length=1, head="tma", photometric="per_frame", scale_max=2.0)
    draws = draw_augmentation(config, 4, np.random.default_rng(0))

    whole, _ = augment(images, labels, config, draws)
    share, _ = augment(images[2:], labels[2:], config, take_share(draws, slice(2, 4), frames=2))

    assert torch.equal(share, whole[2:])

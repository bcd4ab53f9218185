"""Augmentation: geometry and colours of whole clips."""

import numpy as np
import torch

from tests.conftest import tiny
from vss.data.augmentation.transforms import augment, draw_augmentation, take_share
from vss.data.dataset import IGNORE_LABEL
from vss.data.tensors import MEAN, STD
from vss.trial_config import TrialConfig


def ramp_batch(clips: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    """Return clips of two frames whose pixels and labels are the number of their column."""
    columns = torch.arange(16).byte().expand(8, 16)
    pixels = columns[:, :, None].expand(clips, 2, 8, 16, 3).clone()
    return pixels, columns.expand(clips, 8, 16).clone()


def augment_batch(
    pixels: torch.Tensor, labels: torch.Tensor, config: TrialConfig, seed: int = 0
) -> tuple[torch.Tensor, torch.Tensor]:
    """Augment a batch; return unnormalised images, (B, T + 1, 3, c, d), and labels."""
    draws = draw_augmentation(config, len(pixels), np.random.default_rng(seed))
    images, crops = augment(pixels, labels, config, draws)
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (MEAN, STD))
    return images * std + mean, crops


def test_no_augmentation_changes_nothing() -> None:
    pixels, labels = ramp_batch()
    config = tiny(flip=False)

    images, crops = augment_batch(pixels, labels, config)

    torch.testing.assert_close(images, pixels.movedim(-1, 2).float(), atol=1e-3, rtol=0)
    assert torch.equal(crops, labels.long())


def test_half_of_the_clips_are_mirrored_with_their_labels() -> None:
    pixels, labels = ramp_batch(clips=200)

    images, crops = augment_batch(pixels, labels, tiny(flip=True))

    mirrored = crops[:, 0, 0] == 15
    assert 70 < mirrored.sum() < 130
    torch.testing.assert_close(images[:, 0, 0], crops.float(), atol=1e-3, rtol=0)


def test_all_frames_of_a_clip_move_together() -> None:
    pixels, labels = ramp_batch(clips=20)
    config = tiny(scale_min=0.5, scale_max=2.0)

    images, _ = augment_batch(pixels, labels, config)

    assert torch.equal(images[:, 0], images[:, 1])


def test_clips_move_differently() -> None:
    pixels, labels = ramp_batch(clips=2)
    config = tiny(scale_max=2.0)

    images, _ = augment_batch(pixels, labels, config)

    assert not torch.equal(images[0], images[1])


def test_zooming_in_shows_part_of_the_frame_without_a_margin() -> None:
    pixels, labels = ramp_batch(clips=20)
    config = tiny(scale_min=2.0, scale_max=2.0, flip=False)

    _, crops = augment_batch(pixels, labels, config)

    assert (crops != IGNORE_LABEL).all()
    columns = crops.amax(dim=(1, 2)) - crops.amin(dim=(1, 2))
    assert ((columns == 7) | (columns == 8)).all()


def test_zooming_out_ignores_the_margin() -> None:
    pixels, labels = ramp_batch(clips=20)
    config = tiny(scale_min=0.5, scale_max=0.5, flip=False)

    _, crops = augment_batch(pixels, labels, config)

    ignored = (crops == IGNORE_LABEL).float().mean(dim=(1, 2))
    assert ((ignored > 0.7) & (ignored < 0.8)).all()


def test_ignored_pixels_stay_ignored() -> None:
    pixels, labels = ramp_batch()
    labels[:] = IGNORE_LABEL

    _, crops = augment_batch(pixels, labels, tiny(scale_max=2.0))

    assert (crops == IGNORE_LABEL).all()


def test_labels_are_resized_to_the_image() -> None:
    pixels, _ = ramp_batch()
    labels = torch.arange(32).byte().expand(1, 16, 32)

    _, crops = augment_batch(pixels, labels, tiny(flip=False))

    assert crops.shape == (1, 8, 16)
    assert (crops[0, 0] // 2).tolist() == list(range(16))


def test_crop_shows_part_of_the_frame_at_full_scale() -> None:
    pixels, labels = ramp_batch(clips=20)
    config = tiny(crop_width=8, crop_height=4, flip=False)

    images, crops = augment_batch(pixels, labels, config)

    assert images.shape == (20, 2, 3, 4, 8)
    assert crops.shape == (20, 4, 8)
    # One label per pixel, unless a pixel falls between two of them.
    steps = crops[:, 0].diff(dim=1)
    assert ((steps >= 0) & (steps <= 2)).all()
    assert (crops[:, 0, -1] - crops[:, 0, 0]).float().mean() == 7
    assert len(crops[:, 0, 0].unique()) > 5


def test_crop_larger_than_the_frame_has_an_ignored_margin() -> None:
    pixels, labels = ramp_batch(clips=4)
    config = tiny(crop_width=16, crop_height=16, flip=False)

    images, crops = augment_batch(pixels, labels, config)

    outside = crops == IGNORE_LABEL
    assert outside.float().mean() == 0.5
    mean_colour = torch.tensor(MEAN).view(3, 1).expand(3, 1)
    margin = images[0, 0][:, outside[0]]
    # The whole margin, except for an interpolated row.
    assert torch.isclose(margin, mean_colour, atol=1e-3).float().mean() > 0.8


def test_crop_that_one_class_fills_is_redrawn() -> None:
    """Half of the frame is class 0, so many crops of a quarter of its width show nothing else."""
    pixels, labels = ramp_batch(clips=60)
    labels = (labels >= 8).byte()
    plain = tiny(crop_width=4, crop_height=4, flip=False)
    redrawn = tiny(crop_width=4, crop_height=4, flip=False, crop_max_class_share=0.99)

    def filled_share(config: TrialConfig) -> float:
        _, crops = augment_batch(pixels, labels, config)
        share = crops.float().mean(dim=(1, 2))
        return ((share == 0) | (share == 1)).float().mean().item()

    assert filled_share(plain) > 0.5
    assert filled_share(redrawn) < 0.15


def test_frames_of_a_clip_are_distorted_separately_or_all_alike() -> None:
    pixels, labels = ramp_batch(clips=8)
    pixels += 100

    def frames_differ(photometric: str) -> bool:
        config = tiny(memory_length=1, head="tma", photometric=photometric)
        images, _ = augment_batch(pixels, labels, config)
        return not torch.allclose(images[:, 0], images[:, 1])

    assert frames_differ("per_frame")
    assert not frames_differ("per_clip")


def test_share_of_a_batch_is_augmented_as_in_the_whole_batch() -> None:
    pixels, labels = ramp_batch(clips=4)
    config = tiny(memory_length=1, head="tma", photometric="per_frame", scale_max=2.0)
    draws = draw_augmentation(config, 4, np.random.default_rng(0))

    whole, _ = augment(pixels, labels, config, draws)
    share, _ = augment(pixels[2:], labels[2:], config, take_share(draws, slice(2, 4), frames=2))

    assert torch.equal(share, whole[2:])

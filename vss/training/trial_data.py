"""The data of a trial as it trains: clips by split, checks, and what is recorded about them."""

import platform
from collections.abc import Mapping, Sequence
from typing import Any

from vss.data.cache import DecodedVideo
from vss.data.clips import Clip, count_matches, list_clips
from vss.data.dataset import VideoDataset
from vss.errors import UserError
from vss.training.inputs import TrialInputs
from vss.trial_config import TrialConfig


def list_clips_by_split(
    config: TrialConfig, dataset: VideoDataset, max_scored_frames: int | None
) -> dict[str, list[Clip]]:
    """Return the clips of each split; of those that are scored, at most as many as given."""
    length, stride = config.memory_length, config.frame_stride
    return {
        "train": list_clips(dataset.frames, "train", length, stride),
        "val": list_clips(dataset.frames, "val", length, stride)[:max_scored_frames],
        "test": list_clips(dataset.frames, "test", length, stride)[:max_scored_frames],
    }


def check_splits(config: TrialConfig, clips: Mapping[str, Sequence[Clip]]) -> None:
    """Check that each split that the trial uses has labelled frames.

    Raises:
        UserError: naming one that has none.
    """
    remedies = {
        config.scored_split: "set scored_split to a different split",
        "train": "check the dataset, as training needs some",
    }
    if config.eval_every > 0:
        remedies.setdefault("val", "set eval_every to 0")
    for split, remedy in remedies.items():
        if not clips[split]:
            raise UserError(f"split '{split}' of {config.dataset} has no labelled frames: {remedy}")


def describe_data(
    config: TrialConfig,
    dataset: VideoDataset,
    video: DecodedVideo,
    clips: Mapping[str, Sequence[Clip]],
) -> dict[str, Any]:
    """Summarise the trial's frames and the spacing of its memory frames, as JSON values."""
    stride = config.frame_stride
    return {
        "fingerprint": dataset.fingerprint,
        "classes": list(config.class_names),
        "decoded_mib": (video.images.nbytes + video.labels.nbytes) / 2**20,
        "labelled_frames": {split: len(split_clips) for split, split_clips in clips.items()},
        "frame_stride": stride,
        "memory_frames": {
            split: count_matches(dataset.frames, split_clips, stride)
            for split, split_clips in clips.items()
        },
    }


def check_fingerprint(inputs: TrialInputs, dataset: VideoDataset) -> None:
    """Check that the data is what it was when the trial was submitted.

    Raises:
        UserError: if it is not.
    """
    expected = inputs.data_fingerprint
    if expected is not None and dataset.fingerprint != expected:
        raise UserError(
            f"{inputs.config.dataset} at {inputs.data} on {platform.node()} has fingerprint "
            f"{dataset.fingerprint[:12]}, but at submission it was {expected[:12]}: "
            "all machines must have the same files"
        )

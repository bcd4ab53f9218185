"""Predict labelled clips and compare them with their labels.

Shapes: F scored frames, K classes, H W size of the labels.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
from PIL.Image import Image as PillowImage
from torch import Tensor

from vss.data.cache import DecodedVideo
from vss.data.clips import Clip
from vss.data.tensors import load_clips
from vss.errors import UserError
from vss.inference.windows import predict
from vss.media.image import Image
from vss.media.render import draw_side_by_side
from vss.models.segmenter import VideoSegmenter
from vss.scoring.metrics import (
    Confusion,
    boundary_counts,
    boundary_miou,
    compute_metrics,
    frame_confusions,
    iou_per_class,
)
from vss.scoring.temporal import Consistency
from vss.trial_config import TrialConfig

SCORING_BATCH = 8
PICTURES = 4
# Predictions kept for the pictures of a report: the number of frames, and a limit on their pixels.
SAMPLES, SAMPLED_PIXELS = 60, 12_000_000
CLIP_SHARE = 0.4  # of them: successive frames of one sequence, which a report shows as a clip


class ScoreDirectory(Protocol):
    """The part of a trial directory that scores are written to."""

    def write_arrays(self, name: str, arrays: dict[str, Any]) -> None:
        """Write numpy arrays."""

    def write_picture(self, picture: PillowImage, name: str) -> None:
        """Write a picture."""


@dataclass(frozen=True)
class Scores:
    """The scores of a network on some frames.

    Attributes:
        frames: the names of the frames.
        classes: the names of the K classes, in the order of the label values.
        confusions: (F, K, K), one matrix per frame.
        void_index: the class of unlabelled pixels, or None if there is none.
        boundaries: (F, K, 2) counts of boundary pixels, or None if they were not computed.
        consistency: metric -> value over neighbouring frames, if they are close enough.
        samples: position of a clip -> its prediction (H, W), for some clips.
    """

    frames: Sequence[str]
    classes: Sequence[str]
    confusions: Confusion
    void_index: int | None = None
    boundaries: Confusion | None = None
    consistency: Mapping[str, float] = field(default_factory=dict)
    samples: Mapping[int, Image] = field(default_factory=dict)

    @property
    def metrics(self) -> dict[str, float]:
        """Every metric over all frames, except for undefined ones."""
        values = compute_metrics(self.confusions.sum(axis=0), self.void_index)
        if self.boundaries is not None:
            values["boundary_miou"] = boundary_miou(self.boundaries.sum(axis=0))
        values |= self.consistency
        return {name: value for name, value in values.items() if not math.isnan(value)}

    @property
    def iou(self) -> dict[str, float | None]:
        """The IoU of each class, or None if it occurs in neither labels nor predictions."""
        values = iou_per_class(self.confusions.sum(axis=0)).tolist()
        return {
            name: None if math.isnan(value) else value
            for name, value in zip(self.classes, values, strict=True)
        }


@torch.inference_mode()
def score(
    model: VideoSegmenter,
    config: TrialConfig,
    video: DecodedVideo,
    clips: Sequence[Clip],
    device: torch.device,
    thorough: bool = True,
    sampled: Collection[int] = (),
) -> Scores:
    """Predict clips at the size of their labels, and count the results in confusion matrices.

    Args:
        model: the trial's network.
        config: the trial.
        video: the decoded frames.
        clips: the clips to score, in time order within each sequence.
        device: the network's device.
        thorough: also compute boundaries and consistency, and keep samples.
        sampled: positions of the clips whose predictions are kept if it is not thorough.

    Raises:
        UserError: if a logit is not finite, as the largest one would be meaningless.
    """
    model.eval()
    num_classes = len(config.class_names)
    sampled_positions = _choose_samples(video, clips) if thorough else set(sampled)
    consistency = Consistency(num_classes)
    confusions, boundaries, samples = [], [], {}
    for first in range(0, len(clips), SCORING_BATCH):
        batch = clips[first : first + SCORING_BATCH]
        images, labels = load_clips(video, batch, device)
        logits = predict(model, config, images, labels.shape[1:])
        _check_finite(logits, first)
        predictions = logits.max(dim=1).indices.byte()  # argmax alone is 10 times slower on a CPU
        confusions.append(frame_confusions(predictions, labels, num_classes))
        if thorough:
            boundaries.append(boundary_counts(predictions, labels, num_classes))
            for offset, clip in enumerate(batch):
                consistency.add(video.frames[clip.target], predictions[offset], labels[offset])
        for position in sampled_positions & set(range(first, first + len(batch))):
            samples[position] = predictions[position - first].cpu().numpy()
    model.train()
    return Scores(
        frames=[video.frames[clip.target].name for clip in clips],
        classes=config.class_names,
        confusions=np.concatenate(confusions),
        void_index=config.void_index,
        boundaries=np.concatenate(boundaries) if thorough else None,
        consistency=consistency.metrics(),
        samples=samples,
    )


def write_scores(
    directory: ScoreDirectory,
    video: DecodedVideo,
    clips: Sequence[Clip],
    scores: Scores,
    colours: Mapping[str, tuple[int, int, int]],
) -> None:
    """Write the counts of every frame, the samples, and pictures of some samples."""
    directory.write_arrays(
        "frames.npz",
        {
            "frame": np.array(scores.frames),
            "classes": np.array(scores.classes),
            "confusion": scores.confusions.astype(np.uint32),
            "boundary": np.asarray(scores.boundaries, dtype=np.uint32),
        },
    )
    positions = sorted(scores.samples)
    labels = [video.labels[video.label_rows[clips[position].target]] for position in positions]
    directory.write_arrays(
        "samples.npz",
        {
            "frame": np.array([scores.frames[position] for position in positions]),
            "image": np.stack([video.images[clips[position].target] for position in positions]),
            "label": np.stack(labels),
            "prediction": np.stack([scores.samples[position] for position in positions]),
            "colours": np.array(list(colours.values()), dtype=np.uint8),
        },
    )
    for number in _spread(len(positions), PICTURES):
        picture = draw_side_by_side(
            video.images[clips[positions[number]].target],
            labels[number],
            scores.samples[positions[number]],
            list(colours.values()),
        )
        directory.write_picture(picture, scores.frames[positions[number]])


def _count_samples(video: DecodedVideo) -> int:
    height, width = (int(size) for size in video.labels.shape[1:])
    return max(PICTURES, min(SAMPLES, SAMPLED_PIXELS // (height * width)))


def _choose_samples(video: DecodedVideo, clips: Sequence[Clip]) -> set[int]:
    """Choose positions of clips: successive ones of the longest sequence, and some of all."""
    count = _count_samples(video)
    sequences: dict[str, list[int]] = {}
    for position, clip in enumerate(clips):
        sequences.setdefault(video.frames[clip.target].sequence, []).append(position)
    longest = max(sequences.values(), key=len, default=[])
    successive = longest[: round(CLIP_SHARE * count)]
    return {*successive, *_spread(len(clips), count - len(successive))}


def _spread(length: int, count: int) -> list[int]:
    """Return `count` positions spread evenly over a list, including the first and the last."""
    return sorted(set(np.linspace(0, length - 1, min(count, length)).astype(int).tolist()))


def _check_finite(logits: Tensor, first: int) -> None:
    if not logits.isfinite().all():
        raise UserError(
            f"the prediction for one of the frames {first} to {first + len(logits) - 1} is not "
            f"finite ({int((~logits.isfinite()).sum())} of {logits.numel()} logits): "
            "lower learning_rate, or set precision to fp32"
        )

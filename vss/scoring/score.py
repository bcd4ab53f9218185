"""Predict labelled clips and compare: what is scored, and how it is kept.

Shapes: F scored frames, K classes, H W size of the labels.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from vss.data.cache import DecodedVideo
from vss.data.clips import Clip
from vss.data.tensors import load_clips
from vss.errors import UserError
from vss.inference.windows import predict
from vss.media.image import Image
from vss.media.render import side_by_side
from vss.models.segmenter import VideoSegmenter
from vss.scoring.metrics import (
    Confusion,
    boundary_counts,
    boundary_miou,
    frame_confusions,
    iou_per_class,
    scores,
)
from vss.scoring.temporal import Consistency
from vss.trial_config import TrialConfig
from vss.trial_directory import TrialDirectory

SCORING_BATCH = 8
PICTURES = 4
# Predictions that are kept for the report's pictures: so many frames, or fewer of large ones.
SAMPLES, SAMPLED_PIXELS = 60, 12_000_000


@dataclass(frozen=True)
class Scored:
    """What a model got right on some frames.

    Attributes:
        frames: their names.
        classes: the K names, in the order of the label values.
        confusions: (F, K, K), one matrix a frame.
        void_index: the class that stands for unlabelled pixels, if there is one.
        boundaries: (F, K, 2) counts of boundary pixels; None if they were not asked for.
        consistency: metric -> value over neighbouring frames, where they lie densely enough.
        samples: place of a clip -> its prediction (H, W), for some of them.
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
        """Every metric over all frames; what is undefined is left out."""
        found = scores(self.confusions.sum(axis=0), self.void_index)
        if self.boundaries is not None:
            found["boundary_miou"] = boundary_miou(self.boundaries.sum(axis=0))
        found |= self.consistency
        return {name: value for name, value in found.items() if not math.isnan(value)}

    @property
    def iou(self) -> dict[str, float | None]:
        """Class -> IoU, None where the class occurs in neither label nor prediction."""
        found = iou_per_class(self.confusions.sum(axis=0)).tolist()
        return {
            name: None if math.isnan(value) else value
            for name, value in zip(self.classes, found, strict=True)
        }


@torch.inference_mode()
def score(
    model: VideoSegmenter,
    config: TrialConfig,
    video: DecodedVideo,
    clips: Sequence[Clip],
    device: torch.device,
    thorough: bool = True,
) -> Scored:
    """Predict clips at the size of their labels.

    Args:
        model: of the trial.
        config: the trial.
        video: where the frames are.
        clips: what to score, in the order of time inside each sequence.
        device: of the model.
        thorough: boundaries, consistency and samples too; without, confusion matrices alone.

    Raises:
        UserError: if a prediction is not finite: its largest logit would be any class.
    """
    model.eval()
    num_classes = len(config.class_names)
    sampled = set(_spread(len(clips), _samples(video))) if thorough else set()
    steady = Consistency(num_classes)
    confusions, boundaries, samples = [], [], {}
    for first in range(0, len(clips), SCORING_BATCH):
        part = clips[first : first + SCORING_BATCH]
        images, labels = load_clips(video, part, device)
        logits = predict(model, config, images, labels.shape[1:])
        _check_finite(logits, first)
        predictions = logits.max(dim=1).indices.byte()  # argmax alone is 10 times slower on a CPU
        confusions.append(frame_confusions(predictions, labels, num_classes))
        if thorough:
            boundaries.append(boundary_counts(predictions, labels, num_classes))
            for place, clip in enumerate(part):
                steady.add(video.frames[clip.target], predictions[place], labels[place])
            for place in sampled & set(range(first, first + len(part))):
                samples[place] = predictions[place - first].cpu().numpy()
    model.train()
    return Scored(
        frames=[video.frames[clip.target].name for clip in clips],
        classes=config.class_names,
        confusions=np.concatenate(confusions),
        void_index=config.void_index,
        boundaries=np.concatenate(boundaries) if thorough else None,
        consistency=steady.metrics(),
        samples=samples,
    )


def write_scores(
    directory: TrialDirectory,
    video: DecodedVideo,
    clips: Sequence[Clip],
    scored: Scored,
    colours: Mapping[str, tuple[int, int, int]],
) -> None:
    """Counts of every frame, the samples, and a few pictures of them."""
    directory.write_arrays(
        "frames.npz",
        {
            "frame": np.array(scored.frames),
            "classes": np.array(scored.classes),
            "confusion": scored.confusions.astype(np.uint32),
            "boundary": np.asarray(scored.boundaries, dtype=np.uint32),
        },
    )
    places = sorted(scored.samples)
    labels = [video.labels[video.label_rows[clips[place].target]] for place in places]
    directory.write_arrays(
        "samples.npz",
        {
            "frame": np.array([scored.frames[place] for place in places]),
            "image": np.stack([video.images[clips[place].target] for place in places]),
            "label": np.stack(labels),
            "prediction": np.stack([scored.samples[place] for place in places]),
            "colours": np.array(list(colours.values()), dtype=np.uint8),
        },
    )
    for number in _spread(len(places), PICTURES):
        picture = side_by_side(
            video.images[clips[places[number]].target],
            labels[number],
            scored.samples[places[number]],
            list(colours.values()),
        )
        directory.write_picture(picture, scored.frames[places[number]])


def _samples(video: DecodedVideo) -> int:
    height, width = (int(size) for size in video.labels.shape[1:])
    return max(PICTURES, min(SAMPLES, SAMPLED_PIXELS // (height * width)))


def _spread(count: int, wanted: int) -> list[int]:
    """Places spread evenly over a list, its first and last among them."""
    return sorted(set(np.linspace(0, count - 1, min(wanted, count)).astype(int).tolist()))


def _check_finite(logits: Tensor, first: int) -> None:
    if not logits.isfinite().all():
        raise UserError(
            f"the prediction of a frame among {first} to {first + len(logits) - 1} is not "
            f"finite ({int((~logits.isfinite()).sum())} of {logits.numel()} logits): "
            "lower learning_rate, or set precision to fp32"
        )

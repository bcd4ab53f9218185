"""Predict labelled clips and compare: what is scored, and how it is kept.

Shapes: F scored frames, K classes.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL.Image import Image as PillowImage

from vss.checkpoint import TrialDirectory
from vss.config import TrialConfig
from vss.data.cache import DecodedVideo
from vss.data.clips import Clip
from vss.data.transforms import gather
from vss.errors import UserError
from vss.inference import predict
from vss.metrics import Confusion, frame_confusions, iou_per_class, scores
from vss.models.segmenter import VideoSegmenter
from vss.pictures import side_by_side

SCORING_BATCH = 8
PICTURES = 4


@dataclass(frozen=True)
class Scored:
    """What a model got right on some frames.

    Attributes:
        frames: their names.
        classes: the K names, in the order of the label values.
        confusions: (F, K, K), one matrix a frame.
    """

    frames: Sequence[str]
    classes: Sequence[str]
    confusions: Confusion

    @property
    def metrics(self) -> dict[str, float]:
        """Every metric of `vss/metrics.py` over all frames."""
        return scores(self.confusions.sum(axis=0))

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
) -> Scored:
    """Predict clips at the size of their labels.

    Raises:
        UserError: if a prediction is not finite: its largest logit would be any class.
    """
    model.eval()
    found = []
    for first in range(0, len(clips), SCORING_BATCH):
        images, labels = gather(video, clips[first : first + SCORING_BATCH], device)
        logits = predict(model, config, images, labels.shape[1:])
        if not logits.isfinite().all():
            raise UserError(
                f"the prediction of a frame among {first} to {first + len(images) - 1} is not "
                f"finite ({int((~logits.isfinite()).sum())} of {logits.numel()} logits): "
                "lower learning_rate, or set precision to fp32"
            )
        found.append(frame_confusions(logits.argmax(dim=1), labels, len(config.class_names)))
    model.train()
    names = [video.frames[clip.target].name for clip in clips]
    return Scored(names, config.class_names, np.concatenate(found))


def write_scores(
    directory: TrialDirectory,
    config: TrialConfig,
    model: VideoSegmenter,
    video: DecodedVideo,
    clips: Sequence[Clip],
    scored: Scored,
    classes: Mapping[str, tuple[int, int, int]],
) -> None:
    """Confusion matrices, and a few pictures spread evenly over the scored frames."""
    arrays = {"confusion": scored.confusions, "frame": np.array(scored.frames)}
    directory.write_arrays("frames.npz", arrays)
    palette = list(classes.values())
    for number in np.linspace(0, len(clips) - 1, min(PICTURES, len(clips))).astype(int):
        picture = _picture(config, model, video, clips[number], palette)
        directory.write_picture(picture, scored.frames[number])


@torch.inference_mode()
def _picture(
    config: TrialConfig,
    model: VideoSegmenter,
    video: DecodedVideo,
    clip: Clip,
    palette: Sequence[tuple[int, int, int]],
) -> PillowImage:
    device = next(model.parameters()).device
    images, labels = gather(video, [clip], device)
    model.eval()
    prediction = predict(model, config, images, labels.shape[1:]).argmax(dim=1)
    return side_by_side(
        video.images[clip.target], labels[0].cpu().numpy(), prediction[0].cpu().numpy(), palette
    )

"""Distillation: learn from the predictions of a trained network as well as from the labels.

Source: Hinton et al. 2015, pixel by pixel as in Liu et al., CVPR 2019.
Differences from the latter's published code: ignored pixels are left out, and the mean is over
pixels and batch, so that the weight of the loss does not depend on the batch.
Shapes: B clips, K classes, h w and h' w' feature maps, H W labels.
"""

import functools
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from vss.data.dataset import IGNORE_LABEL
from vss.errors import UserError
from vss.models.layers import resize
from vss.models.segmenter import VideoSegmenter, build_inference_model, load_network
from vss.trial_config import TrialConfig


def load_teacher(config: TrialConfig, student: TrialConfig, weights: Path | None) -> VideoSegmenter:
    """Build the teacher: a frozen network in eval mode.

    Args:
        config: the teacher's trial.
        student: the trial that learns from it.
        weights: path of the teacher's trained weights, or None for random ones (smoke test).

    Raises:
        UserError: if the student's clips lack frames of the teacher, or the weights are missing.
    """
    if config.dataset != student.dataset:
        raise UserError(
            f"the teacher was trained on '{config.dataset}', but the student is trained on "
            f"'{student.dataset}': both need the same dataset"
        )
    if config.class_names != student.class_names:
        raise UserError(
            f"the teacher predicts {len(config.class_names)} classes, but the student "
            f"{len(student.class_names)}: both need the same ones"
        )
    teacher = build_inference_model(config)
    if config.memory_length > student.memory_length or (
        config.memory_length > 0 and config.frame_stride != student.frame_stride
    ):
        raise UserError(
            f"the teacher reads {config.memory_length} past frames at frame_stride "
            f"{config.frame_stride}, but the student reads {student.memory_length} at "
            f"{student.frame_stride}: the student's clips must contain the teacher's frames"
        )
    if weights is not None:
        if not weights.exists():
            raise UserError(
                f"teacher {config.trial_id} has no weights at {weights}: "
                "all workers must share the folder of trial directories (VSS_STORAGE)"
            )
        load_network(teacher, weights)
    return teacher.eval().requires_grad_(False)


@torch.no_grad()
def teacher_logits(teacher: VideoSegmenter, clip: Tensor) -> Tensor:
    """Predict a clip from as many of its last frames as the teacher reads.

    Args:
        teacher: the teacher.
        clip: (B, T + 1, 3, H, W) frames of the student's clips.

    Returns:
        (B, K, h', w') logits.
    """
    outputs: tuple[Tensor, ...] = teacher(clip[:, -(teacher.memory_length + 1) :])
    return outputs[0]


def distillation_loss(
    logits: Tensor, target_logits: Tensor, labels: Tensor, temperature: float
) -> Tensor:
    """Return the cross-entropy between softened predictions, times the temperature squared.

    Both logits are resized to the labels and compared in float32 or higher.

    Args:
        logits: (B, K, h, w) logits of the student.
        target_logits: (B, K, h', w') logits of the teacher.
        labels: (B, H, W) label values; pixels with IGNORE_LABEL do not count.
        temperature: the divisor of both logits.

    Returns:
        a scalar: the mean over labelled pixels, or 0 if there are none.
    """
    is_labelled = labels != IGNORE_LABEL
    dtypes = (logits.dtype, target_logits.dtype, torch.float32)
    dtype = functools.reduce(torch.promote_types, dtypes)
    student, teacher = (
        resize(each.to(dtype), labels.shape[1:]) / temperature for each in (logits, target_logits)
    )
    target = torch.softmax(teacher, dim=1)
    losses = F.cross_entropy(student, target, reduction="none")  # (B, H, W)
    return temperature**2 * losses[is_labelled].sum() / is_labelled.sum().clamp_min(1)

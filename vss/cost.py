"""What a network costs, counted without running it."""

from dataclasses import dataclass

import torch
from torch.utils.flop_counter import FlopCounterMode

from vss.config import TrialConfig
from vss.models.segmenter import build_model, count_parameters


@dataclass(frozen=True)
class Cost:
    """Of one prediction with its whole clip encoded, batch 1.

    Attributes:
        parameters: trainable numbers used at inference.
        gflops: 10^9 operations of convolutions and products, 2 per multiply-add; what is done
            once per element (norms, softmax, pooling, resizing) is not counted.
    """

    parameters: int
    gflops: float


def count(config: TrialConfig) -> Cost:
    """Count a trial's network on the meta device: shapes alone, no memory, no arithmetic."""
    fresh = config.model_copy(update={"weights": "none"})
    with torch.device("meta"):
        model = build_model(fresh).eval()
        clip = torch.empty(1, config.memory_length + 1, 3, config.frame_height, config.frame_width)
    # With gradients on, full reads take their plain form: the fused one pads its operands.
    with FlopCounterMode(display=False) as counter:
        model(clip)
    return Cost(count_parameters(model), counter.get_total_flops() / 1e9)

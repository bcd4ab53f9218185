"""What a network costs, counted without running it."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.flop_counter import FlopCounterMode

from vss.inference.windows import autocast
from vss.models.layers import resize
from vss.models.segmenter import build_model, count_parameters
from vss.runtime.peak_memory import PeakTensorMemory
from vss.training.optimization import build_optimizer
from vss.trial_config import TrialConfig


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
    with torch.device("meta"):
        model = build_model(_fresh(config)).eval()
        clip = torch.empty(1, config.memory_length + 1, 3, config.frame_height, config.frame_width)
    # With gradients on, full reads take their plain form: the fused one pads its operands.
    with FlopCounterMode(display=False) as counter:
        model(clip)
    return Cost(count_parameters(model), counter.get_total_flops() / 1e9)


def training_memory(config: TrialConfig, teacher: TrialConfig | None = None) -> int:
    """Bytes of tensors that a training holds at most, estimated without running it.

    Weights, gradients, optimiser, and what the forward pass keeps for the backward pass; tensors
    are fake, so that nothing is computed. What the process itself needs comes on top: about
    500 MiB on a CPU, and on a GPU the workspace of its libraries.

    Args:
        config: the trial.
        teacher: whose answers it learns too.
    """
    device = torch.device("cpu")
    size = (config.crop_height or config.frame_height, config.crop_width or config.frame_width)
    with FakeTensorMode(), PeakTensorMemory() as memory:
        model = build_model(_fresh(config))
        master = build_model(_fresh(teacher)).eval() if teacher is not None else None
        optimizer = build_optimizer(config, model)
        images = torch.empty(config.batch_size, config.memory_length + 1, 3, *size)
        labels = torch.zeros(config.batch_size, *size, dtype=torch.long)
        for _ in range(2):  # the optimiser's own tensors appear in its first step
            with autocast(config, device):
                outputs = model(images)
            # Not the loss of training: which pixels it leaves out, only their values say.
            logits = [resize(output, size) for output in outputs]
            loss = torch.stack([F.cross_entropy(each.float(), labels) for each in logits]).sum()
            if master is not None and teacher is not None:
                with torch.no_grad(), autocast(teacher, device):
                    master(images[:, -teacher.memory_length - 1 :])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
    return int(memory.peak_bytes)


def _fresh(config: TrialConfig) -> TrialConfig:
    return config.model_copy(update={"weights": "none"})

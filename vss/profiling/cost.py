"""The cost of a network, determined without running it."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.flop_counter import FlopCounterMode

from vss.inference.windows import autocast, list_windows
from vss.models.layers import resize
from vss.models.segmenter import build_model, count_parameters
from vss.runtime.peak_memory import PeakTensorMemory
from vss.training.optimization import build_optimizer
from vss.trial_config import TrialConfig


@dataclass(frozen=True)
class Cost:
    """The cost of one prediction at batch 1, with the whole clip encoded.

    Attributes:
        parameters: the number of trainable parameters used at inference.
        gflops: 10^9 operations of convolutions and matrix products, 2 per multiply-add, over all
            windows of a frame; element-wise work (norms, softmax, pooling, resizing) is not
            counted.
    """

    parameters: int
    gflops: float


def count_cost(config: TrialConfig) -> Cost:
    """Count the cost of a trial's network on the meta device, which stores and computes nothing."""
    windows = list_windows(config, config.frame_height, config.frame_width)
    rows, columns = windows[0]
    size = (rows.stop - rows.start, columns.stop - columns.start)
    with torch.device("meta"):
        model = build_model(_without_initial_weights(config)).eval()
        clip = torch.empty(1, config.memory_length + 1, 3, *size)
    # Gradients stay on, so that attention is not fused, which would pad its operands.
    with FlopCounterMode(display=False) as counter:
        model(clip)
    return Cost(count_parameters(model), len(windows) * counter.get_total_flops() / 1e9)


def estimate_training_memory(config: TrialConfig, teacher: TrialConfig | None = None) -> int:
    """Estimate the peak size in bytes of a training run's tensors, without running it.

    Fake tensors stand for weights, gradients, optimiser state and the activations kept for the
    backward pass. The process itself adds about 500 MiB on a CPU, and the workspace of the
    libraries on a GPU.

    Args:
        config: the trial.
        teacher: the trial that it learns from, or None.
    """
    device = torch.device("cpu")
    size = (config.crop_height or config.frame_height, config.crop_width or config.frame_width)
    with FakeTensorMode(), PeakTensorMemory() as tensors:
        model = build_model(_without_initial_weights(config))
        teacher_model = (
            build_model(_without_initial_weights(teacher)).eval() if teacher is not None else None
        )
        optimizer = build_optimizer(config, model)
        images = torch.empty(config.batch_size, config.memory_length + 1, 3, *size)
        labels = torch.zeros(config.batch_size, *size, dtype=torch.long)
        for _ in range(2):  # the optimiser's own tensors appear in its first step
            with autocast(config, device):
                outputs = model(images)
            # A simplified loss: the real one picks pixels by value, and fake tensors have none.
            logits = [resize(output, size) for output in outputs]
            loss = torch.stack([F.cross_entropy(each.float(), labels) for each in logits]).sum()
            if teacher_model is not None and teacher is not None:
                with torch.no_grad(), autocast(teacher, device):
                    teacher_model(images[:, -teacher.memory_length - 1 :])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
    return int(tensors.peak_bytes)


def _without_initial_weights(config: TrialConfig) -> TrialConfig:
    return config.model_copy(update={"weights": "none"})

"""Networks, losses and augmentation on a fake GPU: a tensor left on the CPU is an error.

Fake tensors have a device and a shape but no content, so no GPU is needed; PyTorch's rules about
mixing devices apply as on a real one.
"""

import numpy as np
import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx.experimental.symbolic_shapes import ShapeEnv

from tests.conftest import TINY_MEMORY, tiny
from tests.device import DEVICE
from vss import catalog
from vss.data.augmentation.transforms import augment, draw_augmentation
from vss.inference.windows import predict
from vss.models.segmenter import VideoSegmenter, build_model
from vss.training.losses import segmentation_loss
from vss.trial_config import TrialConfig, parse_settings

pytestmark = pytest.mark.skipif(DEVICE.type == "cuda", reason="this machine has a real GPU")

GPU = torch.device("cuda", 0)


def fake_tensors() -> FakeTensorMode:
    return FakeTensorMode(shape_env=ShapeEnv(), allow_non_fake_inputs=True)


def build_on_gpu(config: TrialConfig) -> VideoSegmenter:
    with GPU:  # only the parameters: a forward pass must create its tensors on the right device
        return build_model(config)


def test_mixed_devices_are_an_error() -> None:
    with fake_tensors(), pytest.raises(RuntimeError, match="same device"):
        torch.ones(2, device=GPU) + torch.ones(2)


@pytest.mark.slow
@pytest.mark.parametrize("head", catalog.HEADS)
def test_every_head_stays_on_the_device(head: str) -> None:
    row = catalog.HEADS[head]
    memory = {"memory_length": 2 * row.uses_memory, "include_current_frame": row.uses_memory}
    config = tiny(head=head, **memory)
    with fake_tensors():
        model = build_on_gpu(config).train()
        clip = torch.randn(2, config.memory_length + 1, 3, 32, 48, device=GPU)
        labels = torch.zeros(2, 32, 48, dtype=torch.long, device=GPU)
        class_weights = torch.ones(8, device=GPU)

        loss = segmentation_loss(model(clip), model.loss_weights, labels, class_weights)
        with torch.inference_mode():
            logits = model.eval()(clip)[0]

    assert loss.device == logits.device == GPU


@pytest.mark.slow
def test_windows_stay_on_the_device() -> None:
    config = parse_settings({**TINY_MEMORY, "window": 32, "window_stride": 16})
    with fake_tensors():
        model = build_on_gpu(config).eval()
        clip = torch.randn(1, 3, 3, 32, 48, device=GPU)

        with torch.inference_mode():
            logits = predict(model, config, clip, (32, 48))

    assert logits.device == GPU


def test_augmented_batches_stay_on_the_device() -> None:
    config = parse_settings({**TINY_MEMORY, "scale_max": 2.0, "crop_width": 32, "crop_height": 24})
    draws = draw_augmentation(config, 2, np.random.default_rng(0))
    with fake_tensors():
        pixels = torch.zeros(2, 3, 32, 48, 3, dtype=torch.uint8, device=GPU)
        labels = torch.zeros(2, 64, 96, dtype=torch.uint8, device=GPU)

        images, targets = augment(pixels, labels, config, draws)

    assert images.device == targets.device == GPU

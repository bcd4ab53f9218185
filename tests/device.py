"""The device for tests of networks and training: VSS_TEST_DEVICE, cpu by default.

`make gpu` sets it; tests that must pass on a GPU create their tensors on DEVICE.
"""

import os

import pytest
import torch

DEVICE = torch.device(os.environ.get("VSS_TEST_DEVICE", "cpu"))
# For slow tests that have a CPU counterpart in a different module.
device_suite_only = pytest.mark.skipif(
    "VSS_TEST_DEVICE" not in os.environ, reason="runs in `make gpu`, on any device"
)

if DEVICE.type == "cuda":
    # TF32 convolutions would round their operands to 10 bits and hide differences.
    torch.backends.cudnn.allow_tf32 = False
    # cuBLAS gives equal bits only with a workspace of fixed size, which it reads at its first call.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")

"""Peak memory, in a fresh process: a process with free memory would not grow for an array."""

import subprocess
import sys

import pytest
import torch

from vss.runtime.peak_memory import PeakTensorMemory

CODE = """
import numpy as np, torch
from vss.runtime.peak_memory import PeakMemory
start = PeakMemory(torch.device("cpu")).mib()
peak = PeakMemory(torch.device("cpu"))
np.ones(200 * 2**20 // 8).sum()
print(start, peak.mib(), PeakMemory(torch.device("cpu")).mib())
"""


@pytest.mark.slow
def test_freed_array_counts_until_the_peak_is_reset() -> None:
    process = subprocess.run(
        [sys.executable, "-c", CODE], capture_output=True, text=True, check=True
    )

    start, peak, after_reset = map(float, process.stdout.split())
    assert peak > start + 150
    assert after_reset < peak - 100


def test_tensors_count_while_they_are_alive() -> None:
    with PeakTensorMemory() as peak_memory:
        first = torch.zeros(1000)
        del first
        second = torch.zeros(1000) + 1  # two at once
        del second
        torch.zeros(100)

    assert peak_memory.peak_bytes == 2 * 4000


def test_views_and_in_place_changes_need_no_memory() -> None:
    with PeakTensorMemory() as peak_memory:
        values = torch.zeros(1000)
        values.view(10, 100).T.add_(1)

    assert peak_memory.peak_bytes == 4000


def test_tensors_on_the_meta_device_count() -> None:
    with PeakTensorMemory() as peak_memory:
        torch.zeros(1000, device="meta") + 1

    assert peak_memory.peak_bytes == 8000

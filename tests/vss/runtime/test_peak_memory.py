"""Peak memory, in a process of its own: one that has freed much does not grow by an array."""

import subprocess
import sys

import torch

from vss.runtime.peak_memory import TensorMemory

CODE = """
import numpy as np, torch
from vss.runtime.peak_memory import PeakMemory
before = PeakMemory(torch.device("cpu")).mib()
peak = PeakMemory(torch.device("cpu"))
np.ones(200 * 2**20 // 8).sum()
print(before, peak.mib(), PeakMemory(torch.device("cpu")).mib())
"""


def test_a_large_array_is_seen_when_it_is_gone_and_a_new_count_forgets_it() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)

    before, peak, after = map(float, done.stdout.split())
    assert peak > before + 150
    assert after < peak - 100


def test_tensors_count_while_they_live() -> None:
    with TensorMemory() as memory:
        first = torch.zeros(1000)
        del first
        second = torch.zeros(1000) + 1  # two at once
        del second
        torch.zeros(100)

    assert memory.peak_bytes == 2 * 4000


def test_views_and_changes_in_place_take_nothing() -> None:
    with TensorMemory() as memory:
        values = torch.zeros(1000)
        values.view(10, 100).T.add_(1)

    assert memory.peak_bytes == 4000


def test_the_meta_device_counts_like_any_other() -> None:
    with TensorMemory() as memory:
        torch.zeros(1000, device="meta") + 1

    assert memory.peak_bytes == 8000

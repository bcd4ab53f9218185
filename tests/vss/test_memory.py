"""Peak memory."""

import numpy as np
import torch

from vss.memory import PeakMemory


def test_a_large_array_is_seen_even_after_it_is_gone() -> None:
    before = PeakMemory(torch.device("cpu")).mib()
    peak = PeakMemory(torch.device("cpu"))

    np.ones(200 * 2**20 // 8).sum()

    assert peak.mib() > before + 150


def test_a_new_count_forgets_the_peak_before() -> None:
    peak = PeakMemory(torch.device("cpu"))
    np.ones(200 * 2**20 // 8).sum()
    before = peak.mib()

    after = PeakMemory(torch.device("cpu")).mib()

    assert after < before - 100

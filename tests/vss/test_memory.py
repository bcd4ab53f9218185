"""Peak memory, in a process of its own: one that has freed much does not grow by an array."""

import subprocess
import sys

CODE = """
import numpy as np, torch
from vss.memory import PeakMemory
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

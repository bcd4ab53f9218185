"""The pace of a training run since its last report."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from vss.runtime.clock import StepClock
from vss.training.pace import Pace


def test_pace_is_the_mean_since_it_was_last_taken() -> None:
    clock = StepClock(torch.device("cpu"), [100.0])  # of an earlier attempt
    batches: Any = SimpleNamespace(count=0, wait_seconds=0.0)
    pace = Pace(clock, batches)

    clock.seconds += [1.0, 3.0]
    batches.count, batches.wait_seconds = 4, 1.0
    first = pace.take()
    clock.seconds += [5.0]
    batches.count, batches.wait_seconds = 5, 1.5

    assert first == (pytest.approx(2.0), pytest.approx(0.25))
    assert pace.take() == (pytest.approx(5.0), pytest.approx(0.5))
    assert pace.take() == (None, None)

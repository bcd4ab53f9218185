"""Schedules and update rules."""

import numpy as np
import pytest
import torch

from tests.conftest import tiny
from vss.training.optimization import learning_rate


@pytest.mark.parametrize("schedule", ["poly", "one_cycle"])
def test_learning_rate_ends_near_zero(schedule: str) -> None:
    config = tiny(schedule=schedule, steps=100)

    rates = [learning_rate(config, step) for step in range(100)]

    assert max(rates) == pytest.approx(config.learning_rate, rel=1e-3)
    assert rates[-1] < 0.02 * config.learning_rate


def test_poly_schedule_is_the_published_one() -> None:
    config = tiny(
        schedule="poly", steps=80_000, learning_rate=0.01, poly_power=0.9, final_learning_rate=1e-4
    )

    assert learning_rate(config, 0) == 0.01
    assert learning_rate(config, 40_000) == pytest.approx((0.01 - 1e-4) * 0.5**0.9 + 1e-4)


def test_one_cycle_has_the_shape_of_pytorchs_schedule() -> None:
    config = tiny(schedule="one_cycle", steps=50, learning_rate=0.1)
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    theirs = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.1, total_steps=51)
    rates = []
    for _ in range(50):
        rates.append(theirs.get_last_lr()[0])
        optimizer.step()
        theirs.step()

    # PyTorch's schedule peaks one step earlier, so the shape is compared, not the phase.
    ours = [learning_rate(config, step) for step in range(50)]
    assert ours[0] == pytest.approx(rates[0])
    assert np.abs(np.array(ours) - np.array(rates)).max() < 0.012

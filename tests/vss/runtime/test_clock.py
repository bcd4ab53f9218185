"""The clock of optimiser steps."""

import torch

from vss.runtime.clock import WARM_UP_STEPS, StepClock

CPU = torch.device("cpu")


def test_warm_up_steps_are_not_timed() -> None:
    clock = StepClock(CPU, [])

    for _ in range(WARM_UP_STEPS + 2):
        clock.start()
        clock.stop()

    assert len(clock.seconds) == 2


def test_warm_up_steps_count_like_an_average_step() -> None:
    clock = StepClock(CPU, [0.1, 0.3])

    summary = clock.summary(steps=10)

    assert summary["train_seconds"] == 2.0
    assert summary["step_ms_median"] == 200.0


def test_steps_of_earlier_attempts_count() -> None:
    clock = StepClock(CPU, [5.0])

    for _ in range(WARM_UP_STEPS + 1):
        clock.start()
        clock.stop()

    assert clock.seconds[0] == 5.0
    assert len(clock.seconds) == 2


def test_training_time_is_unknown_if_no_step_was_timed() -> None:
    assert StepClock(CPU, []).summary(steps=2)["train_seconds"] is None

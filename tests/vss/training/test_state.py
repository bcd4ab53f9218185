"""Checkpoints that are damaged or hostile, and resuming from sound ones."""

import warnings
from copy import deepcopy
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import tiny
from tests.examples import (
    assert_loads_or_ends_in_one_line,
    assert_one_short_line,
    bounded,
    examples,
)
from tests.hostile import damaged, mutants
from vss.errors import UserError
from vss.training.optimization import build_optimizer
from vss.training.state import TrainingState, restore
from vss.trial_directory import TrialDirectory

CONFIG = tiny(steps=9, optimizer="sgd")
MODEL = torch.nn.Linear(3, 2)
OPTIMIZER = build_optimizer(CONFIG, MODEL)


def take_step() -> None:
    for parameter in MODEL.parameters():
        parameter.grad = torch.ones_like(parameter)
    OPTIMIZER.step()


def checkpoint() -> dict[str, Any]:
    take_step()
    state = TrainingState("0" * 64, miou=0.5)
    state.add(1.0, 0.1, CONFIG.steps)
    state.keep_best(MODEL)
    return deepcopy(state.snapshot(MODEL, OPTIMIZER))  # tests go on training


CHECKPOINT = checkpoint()


def test_checkpoint_brings_back_state_and_moments() -> None:
    model = torch.nn.Linear(3, 2)
    optimizer = build_optimizer(CONFIG, model)

    state = restore(CHECKPOINT, model, optimizer, "t", CONFIG.steps)

    assert (state.step, state.saved_step, state.points) == (1, 1, CHECKPOINT["state"]["points"])
    moments = CHECKPOINT["optimizer"]["state"][0]["momentum_buffer"]
    assert moments.abs().min() > 0
    torch.testing.assert_close(optimizer.state_dict()["state"][0]["momentum_buffer"], moments)


@pytest.mark.slow
@examples(0.5)
@given(content=mutants([CHECKPOINT]))
def test_odd_checkpoint_ends_in_one_line(content: Any) -> None:
    assert_loads_or_ends_in_one_line(lambda: restore(content, MODEL, OPTIMIZER, "t", CONFIG.steps))
    take_step()  # what was loaded can be used


@pytest.mark.slow
@examples(0.2)
@given(data=st.data())
def test_damaged_checkpoint_is_passed_over(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    directory = TrialDirectory(tmp_path_factory.mktemp("damaged"), CONFIG, attempt=1)
    directory.save({"step": 1, "weights": torch.arange(5)})
    file = directory.path / "resume.pt"
    file.write_bytes(data.draw(damaged(file.read_bytes())))

    with warnings.catch_warnings(record=True) as caught, bounded():
        content = directory.load()

    # An archive may differ where nothing is stored, and its entries are then the same.
    assert content is None or content["step"] == 1
    for warning in caught:
        assert "\n" not in str(warning.message)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            {"state": {**CHECKPOINT["state"], "step": 10}},
            "ValueError: step or data_fingerprint is wrong",
        ),
        ({"state": {**CHECKPOINT["state"], "step": "1"}}, "TypeError: step is no int"),
        ({"model": {}}, "RuntimeError: Error.s. in loading state_dict"),
        ({"optimizer": {"state": {0: {"momentum_buffer": torch.zeros(7)}}}}, "the wrong shape"),
    ],
)
def test_checkpoint_of_something_else_is_named_with_the_remedy(
    change: dict[str, Any], reason: str
) -> None:
    with pytest.raises(
        UserError, match=rf"of trial t does not fit it .*{reason}.* delete"
    ) as error:
        restore({**CHECKPOINT, **change}, MODEL, OPTIMIZER, "t", CONFIG.steps)

    assert_one_short_line(str(error.value))

"""The advice when memory runs out."""

import pytest
import torch

from tests.conftest import tiny
from vss.profiling import out_of_memory
from vss.profiling.cost import estimate_training_memory
from vss.profiling.out_of_memory import OutOfMemory, explain_out_of_memory, largest_batch

CPU = torch.device("cpu")


def test_largest_batch_fits_and_the_next_does_not() -> None:
    config = tiny()
    room = estimate_training_memory(tiny(batch_size=16)) + 1000

    largest = largest_batch(config, room)

    assert largest in (15, 16)  # memory grows by the clip, give or take a small tensor
    assert largest_batch(config, room=1000) == 0


def test_message_names_the_need_the_machine_and_the_largest_batch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(out_of_memory, "_available_bytes", lambda device: 12 * 2**20)

    with pytest.raises(OutOfMemory) as caught, explain_out_of_memory(tiny(batch_size=64), CPU):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")

    message = str(caught.value)
    assert "a batch_size of 64 needs about " in message
    assert "the machine has 12 MiB" in message
    assert "the largest batch_size that fits is an estimated " in message
    assert not caught.value.may_pass


def test_training_that_would_fit_waits_for_others() -> None:
    with (
        pytest.raises(OutOfMemory, match="other processes hold the rest") as caught,
        explain_out_of_memory(tiny(), CPU),
    ):
        raise MemoryError

    assert caught.value.may_pass


def test_network_that_never_fits_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(out_of_memory, "_available_bytes", lambda device: 2**10)

    with (
        pytest.raises(OutOfMemory, match="not even a batch_size of 1"),
        explain_out_of_memory(tiny(), CPU),
    ):
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: not enough memory: you tried")


def test_other_errors_pass() -> None:
    with pytest.raises(RuntimeError, match="shape"), explain_out_of_memory(tiny(), CPU):
        raise RuntimeError("shape mismatch")

"""The advice when memory runs out."""

import pytest
import torch

from tests.conftest import tiny
from vss.profiling import out_of_memory
from vss.profiling.cost import estimate_training_memory
from vss.profiling.out_of_memory import OutOfMemoryError, explain_out_of_memory, find_largest_batch

CPU = torch.device("cpu")


@pytest.mark.slow
def test_largest_batch_fits_and_the_next_does_not() -> None:
    config = tiny()
    max_bytes = estimate_training_memory(tiny(batch_size=16)) + 1000

    largest = find_largest_batch(config, max_bytes)

    assert largest in (15, 16)  # small tensors do not grow with the batch
    assert find_largest_batch(config, max_bytes=1000) == 0


@pytest.mark.slow
def test_message_names_the_need_the_machine_and_the_largest_batch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(out_of_memory, "_total_bytes", lambda device: 12 * 2**20)

    with pytest.raises(OutOfMemoryError) as error, explain_out_of_memory(tiny(batch_size=64), CPU):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")

    message = str(error.value)
    assert "a batch_size of 64 needs about " in message
    assert "the machine has 12 MiB" in message
    assert "lower batch_size to " in message
    assert not error.value.is_transient


@pytest.mark.slow
def test_trial_that_would_fit_gets_the_advice_to_wait() -> None:
    with (
        pytest.raises(OutOfMemoryError, match="other processes use the rest: wait") as error,
        explain_out_of_memory(tiny(), CPU),
    ):
        raise MemoryError

    assert error.value.is_transient


@pytest.mark.slow
def test_message_says_if_no_batch_would_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(out_of_memory, "_total_bytes", lambda device: 2**10)

    with (
        pytest.raises(OutOfMemoryError, match="not even a batch_size of 1"),
        explain_out_of_memory(tiny(), CPU),
    ):
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: not enough memory: you tried")


def test_other_errors_are_not_changed() -> None:
    with pytest.raises(RuntimeError, match="shape"), explain_out_of_memory(tiny(), CPU):
        raise RuntimeError("shape mismatch")

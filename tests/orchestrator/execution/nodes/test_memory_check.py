"""Whether the training of every cell fits into some memory."""

from collections.abc import Sequence

import pytest

from orchestrator.execution.nodes.machine import Machine
from orchestrator.execution.nodes.memory_check import _bound_mib, check_memory
from orchestrator.spec.experiment import Experiment
from orchestrator.spec.file import load_spec
from tests.conftest import TINY_SPEC, SpecWriter, tiny
from vss.errors import UserError
from vss.profiling.cost import estimate_training_memory

BIG = TINY_SPEC.replace("batch_size: 2", "batch_size: 50000")


def small(host: str = "small") -> Machine:
    return Machine(host, cpus=2, memory_mib=3000, gpus=("L4, 2000 MiB",), gpu_memory_mib=2000)


def refuse_to_say() -> Sequence[Machine]:
    raise AssertionError("asked for the machines")


@pytest.fixture
def big(write_spec: SpecWriter) -> Experiment:
    return load_spec(write_spec(BIG))


def test_small_cells_ask_no_machine(write_spec: SpecWriter) -> None:
    check_memory(load_spec(write_spec(TINY_SPEC)), refuse_to_say)


@pytest.mark.slow
def test_batch_that_fits_nowhere_is_refused_with_one_that_fits(big: Experiment) -> None:
    with pytest.raises(UserError) as error:
        check_memory(big, lambda: [Machine("tiny", 1, 500), small()])

    pattern = (
        r"cell 'image' cannot run anywhere: a batch_size of 50000 needs about [\d.]+ GiB for "
        r"tensors, and the largest machine \(small\) has 2\.9 GiB: lower batch_size to \d+$"
    )
    assert error.match(pattern)


@pytest.mark.slow
def test_one_machine_that_is_large_enough_suffices(big: Experiment) -> None:
    check_memory(big, lambda: [small(), Machine("large", cpus=2, memory_mib=1e6)])


@pytest.mark.slow
def test_gpu_trials_are_compared_with_the_memory_of_gpus(write_spec: SpecWriter) -> None:
    experiment = load_spec(write_spec(BIG + "resources: {gpus: 1}\n"))

    with pytest.raises(UserError, match=r"the largest GPU \(small\) has 2\.0 GiB"):
        check_memory(experiment, lambda: [small()])


def test_unknown_memory_refuses_nothing(write_spec: SpecWriter) -> None:
    experiment = load_spec(write_spec(BIG + "resources: {gpus: 1}\n"))

    check_memory(experiment, lambda: [small(), Machine("unknown", cpus=2, memory_mib=3000)])


@pytest.mark.slow
def test_several_gpus_share_a_batch(write_spec: SpecWriter) -> None:
    experiment = load_spec(write_spec(BIG + "resources: {gpus: 4}\n"))

    with pytest.raises(UserError, match="batch_size of 50000 needs about .* GiB .* on each GPU"):
        check_memory(experiment, lambda: [small()])


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        {"frame_width": 240, "frame_height": 180, "width": 64, "batch_size": 4},
        {"frame_width": 240, "frame_height": 180, "head": "tma", "memory_length": 2, "width": 64},
    ],
)
def test_bound_is_above_the_estimate(settings: dict[str, object]) -> None:
    config = tiny(**settings)

    assert estimate_training_memory(config) / 2**20 < _bound_mib(config)

"""The check that every cell's training fits into the memory of some machine, before any starts."""

import math
from collections.abc import Callable, Sequence

from orchestrator.execution.nodes.machine import Machine
from orchestrator.spec.experiment import Experiment
from vss.errors import UserError
from vss.trial_config import TrialConfig

_MIB = 2**20
# Below this bound, no machine is asked and nothing is estimated, which takes a second per cell.
_SMALL_MIB = 4096
# About five times what a ResNet-101 at output stride 8 keeps of a pixel for the backward pass.
_BYTES_PER_PIXEL = 32 * 1024
# Scores of a pixel against all others, at output stride 8, kept four times in fp32.
_BYTES_PER_PAIR = 16


def check_memory(experiment: Experiment, list_machines: Callable[[], Sequence[Machine]]) -> None:
    """Check that some machine can hold the tensors of each cell.

    Args:
        experiment: the cells and their resources.
        list_machines: returns the machines that a trial fits on otherwise; asked only if a cell
            may need much.

    Raises:
        UserError: naming a cell, what it needs, what there is, and a batch that would fit.
    """
    processes = max(1, int(experiment.resources.gpus))  # which share every batch
    bounds = {cell: _bound_mib(_share(c, processes)) for cell, c in experiment.cells.items()}
    if max(bounds.values()) <= _SMALL_MIB:
        return
    place, available = _largest(list_machines(), uses_gpu=experiment.resources.gpus > 0)
    for cell in [cell for cell, bound in bounds.items() if bound > available]:
        _check_cell(cell, experiment, processes, place, available)


def _largest(machines: Sequence[Machine], uses_gpu: bool) -> tuple[str, float]:
    """Return the name and size in MiB of the largest memory; infinite if one is unknown."""
    memories = [(m.host, m.gpu_memory_mib if uses_gpu else m.memory_mib) for m in machines]
    sizes = [(math.inf if memory is None else memory, host) for host, memory in memories]
    available_mib, host = max(sizes, default=(math.inf, ""))
    return f"the largest {'GPU' if uses_gpu else 'machine'} ({host})", available_mib


def _check_cell(
    cell: str, experiment: Experiment, processes: int, place: str, available_mib: float
) -> None:
    from vss.profiling.cost import estimate_training_memory
    from vss.profiling.out_of_memory import find_largest_batch

    config = _share(experiment.cells[cell], processes)
    teacher = experiment.trial_by_id.get(config.teacher)
    teacher_config = teacher.config if teacher else None
    need_mib = estimate_training_memory(config, teacher_config) / _MIB
    if need_mib <= available_mib:
        return
    batch = processes * find_largest_batch(config, int(available_mib * _MIB), teacher_config)
    remedy = f"lower batch_size to {batch}" if batch else "lower the frame size or the crop"
    raise UserError(
        f"cell '{cell}' cannot run anywhere: a batch_size of {experiment.cells[cell].batch_size} "
        f"needs about {need_mib / 1024:,.1f} GiB for tensors"
        f"{' on each GPU' if processes > 1 else ''}, and {place} has "
        f"{available_mib / 1024:,.1f} GiB: {remedy}"
    )


def _share(config: TrialConfig, processes: int) -> TrialConfig:
    """Return the trial as one of its processes sees it."""
    batch_size = math.ceil(config.batch_size / processes)
    return config.model_copy(update={"batch_size": batch_size})


def _bound_mib(config: TrialConfig) -> float:
    """Return more than any network of the catalog needs to train, without building it."""
    if config.steps == 0:
        return 0.0
    height = config.crop_height or config.frame_height
    width = config.crop_width or config.frame_width
    frames, positions = config.memory_length + 1, height * width / 64
    pixel_bytes = frames * height * width * _BYTES_PER_PIXEL
    pair_bytes = frames * positions**2 * _BYTES_PER_PAIR
    weights_mib = 2048  # of the largest network, with gradients and optimiser state
    return weights_mib + config.batch_size * (pixel_bytes + pair_bytes) / _MIB

"""The part of a latency measurement that one worker process makes: every cell, in every round.

In each round every network has its turns, in a new random order, so that neither a slowdown of the
machine nor a cache that one network warms for the next favours any of them.
"""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from vss.inference.streaming import Stream
from vss.inference.windows import autocast, predict
from vss.models.segmenter import build_inference_model
from vss.profiling.cost import count_cost
from vss.profiling.latency_measurement import P95_RUNS, GroupTimes, ProcessTimes, TimedCell
from vss.runtime.clock import synchronise
from vss.runtime.environment import describe_environment
from vss.runtime.load import OtherLoad
from vss.runtime.peak_memory import PeakTensorMemory
from vss.training.inputs import Compute
from vss.trial_config import TrialConfig

# Networks loaded at once; every group includes the baseline twice.
GROUP_SIZE = 16
# Time limit for the runs that a 95th percentile needs.
_P95_SECONDS = 60.0
_WARM_UP_RUNS = 3
# A network that takes longer than this is warm after a single run. A shorter limit could be a stall
# of the machine, which would pass for a slow network.
_SLOW_SECONDS = 5.0
# Time limit for the rounds of a group, in one process; if they would take longer, there are 3.
_GROUP_SECONDS = 900.0
_FEWEST_ROUNDS = 3


@dataclass(frozen=True)
class Schedule:
    """How often each network is timed in one process.

    Attributes:
        rounds: the number of turns of each network, after a warm-up turn; networks whose turns
            would take more than a quarter of an hour together have 3.
        runs_per_round: the number of predictions in a turn; networks whose runs for a 95th
            percentile would take more than a minute make one per turn.
        number: the number of the process, which seeds the order of the turns.
    """

    rounds: int
    runs_per_round: int
    number: int = 0


def measure_in_process(
    cells: Mapping[str, TrialConfig], baseline: str, compute: Compute, schedule: Schedule
) -> ProcessTimes:
    """Time all cells in this process.

    Args:
        cells: name -> a trial of that cell; its weights do not matter.
        baseline: the cell that the others are compared with, which is measured twice.
        compute: the device and threads to use.
        schedule: the number of rounds and runs.
    """
    device = torch.device(compute.device_type)
    torch.set_num_threads(compute.threads)
    rng = np.random.default_rng(schedule.number)
    other_load = OtherLoad()
    groups = [
        _measure_group(group, baseline, device, schedule, rng) for group in _groups(cells, baseline)
    ]
    environment = describe_environment(device, compute.threads)
    load = {"other_load": other_load.measure(), "processors": os.cpu_count()}
    return ProcessTimes({**environment, **load}, groups)


def _groups(cells: Mapping[str, TrialConfig], baseline: str) -> Iterator[Mapping[str, TrialConfig]]:
    other_cells = [name for name in cells if name != baseline]
    for first in range(0, max(1, len(other_cells)), GROUP_SIZE - 2):
        names = [
            *([baseline] if baseline in cells else []),
            *other_cells[first : first + GROUP_SIZE - 2],
        ]
        yield {name: cells[name] for name in names}


@dataclass(frozen=True)
class _Model:
    """A network ready to be timed.

    Attributes:
        forms: form -> a function that makes one prediction.
        facts: the fields of CellLatency that are counted, not timed.
    """

    forms: Mapping[str, Callable[[], object]]
    facts: Mapping[str, Any]


def _measure_group(
    cells: Mapping[str, TrialConfig],
    baseline: str,
    device: torch.device,
    schedule: Schedule,
    rng: np.random.Generator,
) -> GroupTimes:
    models = {name: _prepare(config, device) for name, config in cells.items()}
    runs = _timed_runs(models)
    if baseline in cells:
        second_baseline = {baseline: _prepare(cells[baseline], device)}
        runs |= _timed_runs(second_baseline, are_repetitions=True)
    warm_up = {timed_cell: _warm_up(run, device) for timed_cell, run in runs.items()}
    counts = {
        timed_cell: _runs_per_turn(seconds, schedule) for timed_cell, seconds in warm_up.items()
    }
    round_seconds = sum(seconds * counts[timed_cell] for timed_cell, seconds in warm_up.items())
    rounds = schedule.rounds
    if rounds * round_seconds > _GROUP_SECONDS:
        rounds = min(rounds, _FEWEST_ROUNDS)
    seconds: dict[TimedCell, list[list[float]]] = {timed_cell: [] for timed_cell in runs}
    timed_cells = list(runs)
    for round_number in range(rounds + 1):
        for index in rng.permutation(len(timed_cells)):
            timed_cell = timed_cells[index]
            turn_seconds = [_time(runs[timed_cell], device) for _ in range(counts[timed_cell])]
            if round_number > 0:
                seconds[timed_cell].append(turn_seconds)
    return GroupTimes({name: model.facts for name, model in models.items()}, seconds)


def _timed_runs(
    models: Mapping[str, _Model], are_repetitions: bool = False
) -> dict[TimedCell, Callable[[], object]]:
    return {
        TimedCell(name, form, are_repetitions): run
        for name, model in models.items()
        for form, run in model.forms.items()
    }


def _warm_up(run: Callable[[], object], device: torch.device) -> float:
    """Run a network until it is warm, and return the seconds of its fastest run."""
    first = _time(run, device)
    if first > _SLOW_SECONDS:
        return first
    return min(first, *(_time(run, device) for _ in range(_WARM_UP_RUNS - 1)))


def _runs_per_turn(seconds: float, schedule: Schedule) -> int:
    return schedule.runs_per_round if P95_RUNS * seconds <= _P95_SECONDS else 1


def _prepare(config: TrialConfig, device: torch.device) -> _Model:
    """Build a network and make its first predictions in each form."""
    torch.manual_seed(0)
    size = (config.frame_height, config.frame_width)
    clip = torch.randn(1, config.memory_length + 1, 3, *size, device=device)
    with PeakTensorMemory() as tensors:
        model = build_inference_model(config).to(device).eval()
        stream = Stream(model)  # a new stream stores no frames yet

        @torch.inference_mode()
        def predict_clip() -> object:
            return predict(model, config, clip, size)

        @torch.inference_mode()
        def predict_next() -> object:
            with autocast(config, device):
                return stream.predict(clip[:, -1], size)

        predict_clip()
    for _ in range(config.memory_length + 1):
        predict_next()
    cost = count_cost(config)
    facts = {
        "trial_id": config.trial_id,
        "precision": config.precision,
        "parameters": cost.parameters,
        "gflops": cost.gflops,
        "peak_memory_mib": tensors.peak_bytes / 2**20,
    }
    forms: dict[str, Callable[[], object]] = {"clip": predict_clip}
    if config.window == 0:  # streams have no windows, as each would need a memory of its own
        forms["streaming"] = predict_next
    return _Model(forms, facts)


def _time(run: Callable[[], object], device: torch.device) -> float:
    synchronise(device)
    start = time.perf_counter()
    run()
    synchronise(device)
    return time.perf_counter() - start

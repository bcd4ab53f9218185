"""Inference latency: networks side by side on one idle device, on whole clips and on streams.

Several worker processes measure one after the other, since processes of the same program differ in
speed, depending on their memory layout. The baseline is measured a second time along with the
cells: any difference between its two measurements is noise. Latency depends only on the
architecture, so it is measured once per cell, with fresh weights. Only the worker processes import
torch.
"""

import multiprocessing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor

import numpy as np

from vss.profiling.latency_measurement import (
    P95_RUNS,
    CellLatency,
    FormLatency,
    GroupTimes,
    LatencyMeasurement,
    ProcessTimes,
    TimedCell,
)
from vss.training.inputs import Compute
from vss.trial_config import TrialConfig

# 3 x 10 x 7 = 210 runs are enough for a 95th percentile.
PROCESSES, ROUNDS, RUNS_PER_ROUND = 3, 10, 7

Measure = Callable[[int], ProcessTimes]
ProcessReport = Callable[[int, int], None]  # how many processes have measured, and of how many


def measure_latency(
    cells: Mapping[str, TrialConfig],
    baseline: str,
    compute: Compute,
    measure: Measure | None = None,
    processes: int | None = None,
    rounds: int = ROUNDS,
    runs_per_round: int = RUNS_PER_ROUND,
    report: ProcessReport | None = None,
) -> LatencyMeasurement:
    """Measure latency, peak memory and operations of several networks, one at a time.

    Each is measured in two forms: `clip` encodes every frame of the clip for each prediction, as
    the published code does; `streaming` encodes only the new frame and keeps the past. Predictions
    have batch 1 and logits at frame size.

    Args:
        cells: name -> a trial of that cell; its weights do not matter.
        baseline: the cell that the others are compared with.
        compute: the device and threads to use.
        measure: a function that makes the measurement of the n-th worker process; by default in a
            new process on this machine, or in this process if there is only one.
        processes: the number of worker processes, 3 by default.
        rounds: the number of turns of each network in each process, after a warm-up turn; networks
            whose turns would take more than a quarter of an hour per process have 3.
        runs_per_round: the number of timed predictions in a turn; networks that need more than a
            minute for 200 predictions make one per turn, and have no 95th percentile.
        report: a function that is called after each worker process.
    """
    count = PROCESSES if processes is None else processes

    def measure_locally(number: int) -> ProcessTimes:
        arguments = (cells, baseline, compute, rounds, runs_per_round, number)
        if count == 1:
            return run_process(*arguments)
        # Spawned, because a forked process would share the memory layout of this one.
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            return pool.submit(run_process, *arguments).result()

    times: list[ProcessTimes] = []
    for number in range(count):
        times.append((measure or measure_locally)(number))
        if report is not None:
            report(len(times), count)
    latencies = {name: _cell_latency(times, name, baseline) for name in cells}
    conditions = {
        **times[0].environment,
        "other_load": _largest_load(times),
        "batch_size": 1,
        "processes": count,
        "rounds": _describe_range(_rounds(times)),
        "runs_per_round": _describe_range(_runs_per_turn(times)),
    }
    return LatencyMeasurement(conditions=conditions, cells=latencies)


def run_process(
    cells: Mapping[str, TrialConfig],
    baseline: str,
    compute: Compute,
    rounds: int = ROUNDS,
    runs_per_round: int = RUNS_PER_ROUND,
    number: int = 0,
) -> ProcessTimes:
    """Make the measurement of one worker process, in the calling process."""
    from vss.profiling.latency_process import Schedule, measure_in_process

    return measure_in_process(cells, baseline, compute, Schedule(rounds, runs_per_round, number))


def _largest_load(times: Sequence[ProcessTimes]) -> float | None:
    """Return how many processors others kept busy during the most disturbed process."""
    loads = [process.environment.get("other_load") for process in times]
    return max((load for load in loads if load is not None), default=None)


def _cell_latency(times: Sequence[ProcessTimes], name: str, baseline: str) -> CellLatency:
    """Combine the measurements of a cell by all processes, which have the same groups."""
    number = next(n for n, group in enumerate(times[0].groups) if name in group.facts)
    groups = [process.groups[number] for process in times]
    forms = [
        timed_cell.form
        for timed_cell in groups[0].seconds
        if timed_cell == TimedCell(name, timed_cell.form)
    ]
    summaries = {form: _summarise(groups, TimedCell(name, form), baseline) for form in forms}
    return CellLatency(**groups[0].facts[name], **summaries)


def _summarise(groups: Sequence[GroupTimes], timed_cell: TimedCell, baseline: str) -> FormLatency:
    """Summarise the seconds of all rounds, in milliseconds."""
    by_process = [1000 * np.concatenate(group.seconds[timed_cell]) for group in groups]
    all_ms = np.concatenate(by_process)
    has_p95 = len(all_ms) >= P95_RUNS
    return FormLatency(
        median_ms=float(np.median(all_ms)),
        p95_ms=float(np.percentile(all_ms, 95)) if has_p95 else None,
        process_p95_ms=[float(np.percentile(ms, 95)) for ms in by_process] if has_p95 else [],
        rounds_ms=_round_medians(groups, timed_cell),
        baseline_rounds_ms=_round_medians(groups, TimedCell(baseline, timed_cell.form)),
        repeated_rounds_ms=_round_medians(groups, timed_cell._replace(is_repetition=True)),
    )


def _round_medians(groups: Sequence[GroupTimes], timed_cell: TimedCell) -> list[float]:
    """Return the median of each round; each process counts with the same number of rounds."""
    turns = [group.seconds.get(timed_cell, []) for group in groups]
    return [
        1000 * float(np.median(turn_seconds))
        for process_turns in turns
        for turn_seconds in process_turns[: min(map(len, turns))]
    ]


def _describe_range(values: Iterable[int]) -> int | str:
    """Return the number that all networks share, or "1 to 7" if they differ."""
    lowest, highest = min(numbers := set(values)), max(numbers)
    return highest if len(numbers) == 1 else f"{lowest} to {highest}"


def _rounds(times: Sequence[ProcessTimes]) -> Iterator[int]:
    for groups in zip(*(process.groups for process in times), strict=True):
        for timed_cell in groups[0].seconds:
            yield len(_round_medians(groups, timed_cell))


def _runs_per_turn(times: Sequence[ProcessTimes]) -> Iterator[int]:
    for process in times:
        for group in process.groups:
            for rounds in group.seconds.values():
                yield from map(len, rounds)

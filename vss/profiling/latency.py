"""Inference latency: models side by side on one idle device, whole clips and streams.

Worker processes measure one after the other, as a process as such is slower or faster than another
one of the same program (where its memory lies). The baseline is measured a second time along with
the cells: what separates the two measurements is noise. Latency depends on the architecture alone:
it is measured once a cell, with fresh weights. Imports no torch: its processes do.
"""

import multiprocessing
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor

import numpy as np

from vss.profiling.latency_measurement import (
    P95_RUNS,
    CellLatency,
    FormLatency,
    GroupTimes,
    LatencyMeasurement,
    ProcessTimes,
    Timed,
)
from vss.training.inputs import Compute
from vss.trial_config import TrialConfig

# 3 x 10 x 7 runs are enough for a 95th percentile.
PROCESSES, ROUNDS, RUNS_PER_ROUND = 3, 10, 7

Measurer = Callable[[int], ProcessTimes]


def measure_latency(
    cells: Mapping[str, TrialConfig],
    baseline: str,
    compute: Compute,
    measure: Measurer | None = None,
    processes: int | None = None,
    rounds: int = ROUNDS,
    runs_per_round: int = RUNS_PER_ROUND,
) -> LatencyMeasurement:
    """Measure latency, peak memory and operations of several models, one at a time.

    `clip` encodes every frame of the clip for a prediction, as the published code does;
    `streaming` encodes the new frame only and keeps the past. Batch 1, logits at frame size.

    Args:
        cells: name -> a trial of that cell; its weights do not matter.
        baseline: the cell that the others are compared with.
        compute: where to run.
        measure: makes the measurement of one worker process, by its number; by default in a new
            process on this machine, or in this one if it is the only one.
        processes: how many there are; 3 by default.
        rounds: turns of each model in each process, after one of warm-up.
        runs_per_round: timed predictions in one turn; models so slow that 200 predictions take
            more than a minute make one, and have no 95th percentile.
    """
    count = PROCESSES if processes is None else processes

    def measure_here(number: int) -> ProcessTimes:
        arguments = (cells, baseline, compute, rounds, runs_per_round, number)
        if count == 1:
            return run_process(*arguments)
        # Spawned: a forked process would share the memory layout of this one.
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            return pool.submit(run_process, *arguments).result()

    times = [(measure or measure_here)(number) for number in range(count)]
    latencies = {name: _cell_latency(times, name, baseline) for name in cells}
    conditions = {
        **times[0].environment,
        "batch_size": 1,
        "processes": count,
        "rounds": count * rounds,
        "runs_per_round": _describe_turns(times),
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
    """Make the measurement of one worker process, in the process that calls this."""
    from vss.profiling.latency_process import Schedule, measure_in_process

    return measure_in_process(cells, baseline, compute, Schedule(rounds, runs_per_round, number))


def _cell_latency(times: Sequence[ProcessTimes], name: str, baseline: str) -> CellLatency:
    """Put together what all processes measured of a cell; they have the same groups."""
    number = next(n for n, group in enumerate(times[0].groups) if name in group.facts)
    groups = [process.groups[number] for process in times]
    forms = [timed.form for timed in groups[0].seconds if timed == Timed(name, timed.form)]
    summaries = {form: _summarise(groups, Timed(name, form), baseline) for form in forms}
    return CellLatency(**groups[0].facts[name], **summaries)


def _summarise(groups: Sequence[GroupTimes], timed: Timed, baseline: str) -> FormLatency:
    """Convert the seconds of each round to milliseconds."""
    by_process = [1000 * np.concatenate(group.seconds[timed]) for group in groups]
    all_ms = np.concatenate(by_process)
    has_p95 = len(all_ms) >= P95_RUNS
    return FormLatency(
        median_ms=float(np.median(all_ms)),
        p95_ms=float(np.percentile(all_ms, 95)) if has_p95 else None,
        process_p95_ms=[float(np.percentile(ms, 95)) for ms in by_process] if has_p95 else [],
        rounds_ms=_round_medians(groups, timed),
        baseline_rounds_ms=_round_medians(groups, Timed(baseline, timed.form)),
        repeated_rounds_ms=_round_medians(groups, timed._replace(repeated=True)),
    )


def _round_medians(groups: Sequence[GroupTimes], timed: Timed) -> list[float]:
    return [
        1000 * float(np.median(in_turn))
        for group in groups
        for in_turn in group.seconds.get(timed, [])
    ]


def _describe_turns(times: Sequence[ProcessTimes]) -> int | str:
    """Return the predictions in a turn, or "1 to 7" where they differ between models."""
    runs = set(_turns(times))
    return max(runs) if len(runs) == 1 else f"{min(runs)} to {max(runs)}"


def _turns(times: Sequence[ProcessTimes]) -> Iterator[int]:
    for process in times:
        for group in process.groups:
            for rounds in group.seconds.values():
                yield from map(len, rounds)

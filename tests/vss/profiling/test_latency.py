"""The latency of networks, measured side by side."""

import numpy as np
import pytest
import torch

from tests.conftest import TINY_MEMORY, tiny
from vss.profiling import latency_process
from vss.profiling.latency import measure_latency
from vss.profiling.latency_measurement import (
    FormLatency,
    GroupTimes,
    LatencyMeasurement,
    ProcessTimes,
    TimedCell,
)
from vss.profiling.latency_process import Schedule, measure_in_process
from vss.training.inputs import Compute
from vss.trial_config import parse_settings

CPU = Compute()
CELLS = {"image": tiny(), "memory": parse_settings(TINY_MEMORY)}
FACTS = {
    "trial_id": "t", "precision": "fp32", "parameters": 1, "gflops": 1.0, "peak_memory_mib": 1.0,
}  # fmt: skip


def make_times(seconds: dict[TimedCell, list[list[float]]]) -> ProcessTimes:
    facts = {timed_cell.cell: FACTS for timed_cell in seconds}
    return ProcessTimes({"device": "a CPU"}, [GroupTimes(facts, seconds)])


@pytest.mark.slow
def test_every_cell_is_measured_in_both_forms() -> None:
    measurement = measure_latency(CELLS, "image", CPU, rounds=2, runs_per_round=3)

    assert list(measurement.cells) == ["image", "memory"]
    for cell in measurement.cells.values():
        assert cell.streaming is not None
        for form in (cell.clip, cell.streaming):
            assert form.median_ms > 0
            assert len(form.rounds_ms) == 2
    assert measurement.conditions["batch_size"] == 1
    assert measurement.conditions["runs_per_round"] == 3


@pytest.mark.slow
def test_measurement_survives_a_round_trip_through_json() -> None:
    measurement = measure_latency({"image": tiny()}, "image", CPU, rounds=2, runs_per_round=1)

    assert LatencyMeasurement.model_validate_json(measurement.model_dump_json()) == measurement


def test_latency_without_the_newer_fields_is_still_readable() -> None:
    old = {"median_ms": 1.0, "p95_ms": 2.0, "rounds_ms": [1.0], "baseline_rounds_ms": [1.0]}

    assert FormLatency.model_validate(old).repeated_rounds_ms == []


@pytest.mark.slow
def test_rounds_of_the_baseline_are_stored_with_every_cell() -> None:
    latencies = measure_latency(CELLS, "image", CPU, rounds=2, runs_per_round=1).cells

    baseline_rounds = latencies["image"].clip.rounds_ms
    assert latencies["memory"].clip.baseline_rounds_ms == baseline_rounds


@pytest.mark.slow
def test_baseline_is_measured_twice() -> None:
    latencies = measure_latency(CELLS, "image", CPU, rounds=2, runs_per_round=1).cells

    image, memory = latencies["image"], latencies["memory"]
    assert image.streaming is not None
    for form in (image.clip, image.streaming):
        assert len(form.repeated_rounds_ms) == 2
        assert form.repeated_rounds_ms != form.rounds_ms
    assert memory.clip.repeated_rounds_ms == []


@pytest.mark.slow
def test_every_round_has_a_new_random_order(monkeypatch: pytest.MonkeyPatch) -> None:
    turns: list[int] = []

    def record(run: object, device: torch.device) -> float:
        turns.append(id(run))
        return 0.31  # so slow that a turn consists of a single run

    monkeypatch.setattr(latency_process, "_time", record)
    orders = []
    for number in (0, 0, 1):
        turns.clear()
        measure_in_process(CELLS, "image", CPU, Schedule(rounds=8, runs_per_round=7, number=number))
        runs = list(dict.fromkeys(turns))
        rounds = np.array([runs.index(turn) for turn in turns[3 * 6 :]]).reshape(9, 6)
        assert (np.sort(rounds) == np.arange(6)).all()
        orders.append(rounds.tolist())

    assert len({tuple(order) for order in orders[0]}) > 5
    assert orders[0] == orders[1] != orders[2]


def test_rounds_of_all_processes_are_combined() -> None:
    base, other = TimedCell("base", "clip"), TimedCell("other", "clip")
    times = [
        make_times({
            base: [[0.010 + n / 1000] * 70], other: [[0.020] * 70],
            base._replace(is_repetition=True): [[0.011] * 70],
        })
        for n in range(3)
    ]  # fmt: skip
    cells = {"base": tiny(), "other": tiny()}

    reports: list[tuple[int, int]] = []

    measurement = measure_latency(
        cells, "base", CPU, times.__getitem__, 3, rounds=1, report=lambda *r: reports.append(r)
    )

    assert reports == [(1, 3), (2, 3), (3, 3)]
    clip = measurement.cells["base"].clip
    assert clip.rounds_ms == pytest.approx([10, 11, 12])
    assert clip.process_p95_ms == pytest.approx([10, 11, 12])
    assert clip.repeated_rounds_ms == pytest.approx([11, 11, 11])
    assert measurement.cells["other"].clip.baseline_rounds_ms == clip.rounds_ms
    assert measurement.conditions["processes"] == measurement.conditions["rounds"] == 3
    assert measurement.conditions["device"] == "a CPU"


@pytest.mark.parametrize(("runs", "p95_ms"), [(199, None), (200, 10.0)])
def test_percentile_needs_200_runs(runs: int, p95_ms: float | None) -> None:
    times = make_times({TimedCell("a", "clip"): [[0.010] * runs]})

    clip = measure_latency({"a": tiny()}, "a", CPU, lambda n: times, processes=1).cells["a"].clip

    assert clip.p95_ms == (p95_ms and pytest.approx(p95_ms))
    assert len(clip.process_p95_ms) == (runs == 200)


@pytest.mark.slow
@pytest.mark.parametrize(("seconds", "runs"), [(0.29, 7), (0.31, 1)])
def test_network_whose_200_runs_take_over_a_minute_is_timed_once_per_turn(
    monkeypatch: pytest.MonkeyPatch, seconds: float, runs: int
) -> None:
    monkeypatch.setattr(latency_process, "_time", lambda run, device: seconds)

    times = measure_in_process(CELLS, "image", CPU, Schedule(rounds=1, runs_per_round=7))

    assert {len(turn) for rounds in times.groups[0].seconds.values() for turn in rounds} == {runs}


@pytest.mark.slow
@pytest.mark.parametrize(("seconds", "rounds"), [(14.9, 10), (15.1, 3)])
def test_rounds_that_would_take_over_a_quarter_of_an_hour_are_three(
    monkeypatch: pytest.MonkeyPatch, seconds: float, rounds: int
) -> None:
    """Six networks and forms take turns; so slow ones are warm after a single run."""
    runs: list[object] = []
    monkeypatch.setattr(latency_process, "_time", lambda run, device: runs.append(run) or seconds)

    times = measure_in_process(CELLS, "image", CPU, Schedule(rounds=10, runs_per_round=7))

    assert {len(turns) for turns in times.groups[0].seconds.values()} == {rounds}
    assert len(runs) == 6 * (1 + 1 + rounds)


def test_processes_with_fewer_rounds_count_as_much_as_the_others() -> None:
    """One of them was just fast enough for all rounds."""
    slow, fast = ([[1.0]] * rounds for rounds in (3, 10))
    times = [make_times({TimedCell("a", "clip"): turns}) for turns in (slow, fast, slow)]

    measurement = measure_latency({"a": tiny()}, "a", CPU, times.__getitem__, 3)

    assert measurement.cells["a"].clip.rounds_ms == [1000.0] * 9
    assert measurement.conditions["rounds"] == 9


def test_groups_may_have_different_numbers_of_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    groups = [
        GroupTimes({cell: FACTS}, {TimedCell(cell, "clip"): [[1.0]] * rounds})
        for cell, rounds in (("a", 3), ("b", 10))
    ]
    times = ProcessTimes({"device": "a CPU"}, groups)

    cells = {"a": tiny(), "b": tiny()}
    measurement = measure_latency(cells, "c", CPU, lambda n: times, 2)

    assert measurement.conditions["rounds"] == "6 to 20"


@pytest.mark.slow
def test_each_measurement_runs_in_a_new_process() -> None:
    measurement = measure_latency({"a": tiny()}, "a", CPU, processes=2, rounds=1, runs_per_round=1)

    assert len(measurement.cells["a"].clip.rounds_ms) == 2
    assert measurement.conditions["processes"] == 2


def test_many_cells_are_measured_in_groups_with_the_baseline_in_each(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    groups = []

    def fake(cells, *arguments):  # type: ignore[no-untyped-def]
        groups.append(list(cells))
        rounds = {TimedCell(name, "clip"): [[1.0 + len(groups)]] for name in cells}
        return GroupTimes(dict.fromkeys(cells, FACTS), rounds)

    monkeypatch.setattr(latency_process, "_measure_group", fake)
    cells = {f"c{n}": tiny() for n in range(20)}

    measurement = measure_latency(cells, "c3", CPU)

    assert list(measurement.cells) == list(cells)
    # One network in each group is the second measurement of the baseline.
    assert all(group[0] == "c3" and len(group) < latency_process.GROUP_SIZE for group in groups)
    for cell in measurement.cells.values():
        assert cell.clip.baseline_rounds_ms == cell.clip.rounds_ms


def test_cells_are_measured_even_without_the_baseline() -> None:
    measurement = measure_latency({"image": tiny()}, "missing", CPU, rounds=1, runs_per_round=1)

    assert measurement.cells["image"].clip.baseline_rounds_ms == []


@pytest.mark.slow
def test_parameters_operations_and_peak_memory_are_counted() -> None:
    size = {"frame_width": 96, "frame_height": 96}  # in smaller frames, weights would dominate
    cells = {"image": tiny(**size), "memory": parse_settings({**TINY_MEMORY, **size})}

    latencies = measure_latency(cells, "image", CPU, rounds=1, runs_per_round=1).cells

    image, memory = latencies["image"], latencies["memory"]
    assert memory.gflops > 2 * image.gflops  # three frames are encoded
    assert memory.peak_memory_mib > image.peak_memory_mib
    assert image.parameters > 10_000

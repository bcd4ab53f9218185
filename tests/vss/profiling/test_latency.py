"""Latency of models side by side."""

import pytest

from tests.conftest import TINY_MEMORY, tiny
from vss.profiling import latency
from vss.profiling.latency import measure_latency
from vss.profiling.latency_measurement import CellLatency, FormLatency, LatencyMeasurement
from vss.training.inputs import Compute
from vss.trial_config import parse_settings

CPU = Compute()


def test_every_cell_is_measured_in_both_forms() -> None:
    cells = {"image": tiny(), "memory": parse_settings(TINY_MEMORY)}

    measurement = measure_latency(cells, "image", CPU, rounds=2, runs_per_round=3)

    assert list(measurement.cells) == ["image", "memory"]
    for cell in measurement.cells.values():
        assert cell.streaming is not None
        for form in (cell.clip, cell.streaming):
            assert 0 < form.median_ms <= form.p95_ms
            assert len(form.rounds_ms) == 2
    assert measurement.conditions["batch_size"] == 1


def test_measurement_survives_its_json_form() -> None:
    measurement = measure_latency({"image": tiny()}, "image", CPU, rounds=2, runs_per_round=1)

    assert LatencyMeasurement.model_validate_json(measurement.model_dump_json()) == measurement


def test_rounds_of_the_baseline_stand_beside() -> None:
    cells = {"image": tiny(), "memory": parse_settings(TINY_MEMORY)}

    latencies = measure_latency(cells, "image", CPU, rounds=2, runs_per_round=1).cells

    baseline_rounds = latencies["image"].clip.rounds_ms
    assert latencies["memory"].clip.baseline_rounds_ms == baseline_rounds


def test_many_cells_are_measured_in_groups_with_the_baseline_in_each(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    groups = []
    form = FormLatency(median_ms=1.0, p95_ms=1.0, rounds_ms=[], baseline_rounds_ms=[])
    any_latency = CellLatency(
        trial_id="", precision="fp32", parameters=1, gflops=1.0, peak_memory_mib=1.0, clip=form
    )

    def fake(cells, *arguments):  # type: ignore[no-untyped-def]
        groups.append(list(cells))
        return dict.fromkeys(cells, any_latency)

    monkeypatch.setattr(latency, "_measure_group", fake)
    cells = {f"c{n}": tiny() for n in range(20)}

    measurement = measure_latency(cells, "c3", CPU)

    assert list(measurement.cells) == list(cells)
    assert all(group[0] == "c3" and len(group) <= latency.GROUP for group in groups)


def test_baseline_without_a_result_leaves_the_others() -> None:
    measurement = measure_latency({"image": tiny()}, "gone", CPU, rounds=1, runs_per_round=1)

    assert measurement.cells["image"].clip.baseline_rounds_ms == []


def test_parameters_operations_and_memory_are_counted_beside() -> None:
    size = {"frame_width": 96, "frame_height": 96}  # smaller, weights are most of the memory
    cells = {"image": tiny(**size), "memory": parse_settings({**TINY_MEMORY, **size})}

    latencies = measure_latency(cells, "image", CPU, rounds=1, runs_per_round=1).cells

    image, memory = latencies["image"], latencies["memory"]
    assert memory.gflops > 2 * image.gflops  # three frames are encoded
    assert memory.peak_memory_mib > image.peak_memory_mib
    assert image.parameters > 10_000

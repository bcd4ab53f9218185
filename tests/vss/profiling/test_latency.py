"""Latency of models side by side."""

import pytest
import torch

from tests.conftest import TINY_MEMORY, tiny
from vss.profiling import latency
from vss.profiling.latency import measure
from vss.trial_config import parse_settings

CPU = torch.device("cpu")


def test_every_cell_is_measured_in_both_forms() -> None:
    cells = {"image": tiny(), "memory": parse_settings(TINY_MEMORY)}

    found = measure(cells, "image", CPU, threads=1, rounds=2, runs_per_round=3)

    assert list(found["cells"]) == ["image", "memory"]
    for cell in found["cells"].values():
        for form in ("clip", "streaming"):
            assert 0 < cell[form]["median_ms"] <= cell[form]["p95_ms"]
            assert len(cell[form]["rounds_ms"]) == 2
    assert found["conditions"]["batch_size"] == 1


def test_rounds_of_the_baseline_stand_beside() -> None:
    cells = {"image": tiny(), "memory": parse_settings(TINY_MEMORY)}

    found = measure(cells, "image", CPU, threads=1, rounds=2, runs_per_round=1)["cells"]

    of_baseline = found["image"]["clip"]["rounds_ms"]
    assert found["memory"]["clip"]["baseline_rounds_ms"] == of_baseline


def test_many_cells_are_measured_in_groups_with_the_baseline_in_each(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = []

    def fake(cells, *arguments):  # type: ignore[no-untyped-def]
        seen.append(list(cells))
        return {name: {} for name in cells}

    monkeypatch.setattr(latency, "_measure_group", fake)
    cells = {f"c{n}": tiny() for n in range(20)}

    found = measure(cells, "c3", CPU, threads=1)

    assert list(found["cells"]) == list(cells)
    assert all(group[0] == "c3" and len(group) <= latency.GROUP for group in seen)


def test_baseline_without_a_result_leaves_the_others() -> None:
    found = measure({"image": tiny()}, "gone", CPU, threads=1, rounds=1, runs_per_round=1)

    assert found["cells"]["image"]["clip"]["baseline_rounds_ms"] == []


def test_parameters_operations_and_memory_are_counted_beside() -> None:
    size = {"frame_width": 96, "frame_height": 96}  # smaller, weights are most of the memory
    cells = {"image": tiny(**size), "memory": parse_settings({**TINY_MEMORY, **size})}

    found = measure(cells, "image", CPU, threads=1, rounds=1, runs_per_round=1)["cells"]

    assert found["memory"]["gflops"] > 2 * found["image"]["gflops"]  # three frames are encoded
    assert found["memory"]["memory_mib"] > found["image"]["memory_mib"]
    assert found["image"]["parameters"] > 10_000

"""Times that were measured on a busy machine."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reports.records import CellCost, ExperimentRecord, Latency
from reports.report import build_report
from reports.text.busy import find_latency_signs, find_training_signs

pytestmark = pytest.mark.usefixtures("without_figures")


def on_load(study: ExperimentRecord, **conditions: Any) -> ExperimentRecord:
    """Measure latency under these conditions."""
    return replace(study, latency_conditions={**study.latency_conditions, **conditions})


def with_steps(study: ExperimentRecord, **steps: list[float]) -> ExperimentRecord:
    """Give the seeds of cells these median steps in milliseconds."""
    runs = [
        replace(run, step_ms_median=steps[run.cell][run.seed]) if run.cell in steps else run
        for run in study.runs
    ]
    return replace(study, runs=runs)


def test_quiet_machine_shows_no_signs(study: ExperimentRecord) -> None:
    quiet = with_steps(on_load(study, other_load=0.3, processors=4), base=[10, 11, 12])

    assert find_latency_signs(quiet) == []
    assert find_training_signs(quiet) == []


def test_load_of_other_processes_is_a_sign(study: ExperimentRecord) -> None:
    busy = on_load(study, other_load=1.26, processors=4)

    assert find_latency_signs(busy) == ["other processes kept 1.3 of 4 processors busy meanwhile"]


def test_long_tail_is_a_sign(study: ExperimentRecord) -> None:
    slow = {**study.costs, "new": CellCost(Latency(20.0, 108.0), Latency(10.0, 11.0))}

    assert find_latency_signs(replace(study, costs=slow)) == [
        "the p95 of new is 5.4 times its median"
    ]


def test_step_times_that_differ_between_seeds_are_a_sign(study: ExperimentRecord) -> None:
    assert find_training_signs(with_steps(study, base=[10, 10, 10], new=[10, 15, 12])) == [
        "the median step of new takes 1.5 times as long at one seed as at another"
    ]


def test_step_times_of_different_devices_are_not_compared(study: ExperimentRecord) -> None:
    runs = [
        replace(run, step_ms_median=10.0 + 90.0 * run.seed, environment={"device": str(run.seed)})
        for run in study.runs
    ]

    assert find_training_signs(replace(study, runs=runs)) == []


@pytest.mark.parametrize("is_busy", [True, False])
def test_report_of_a_busy_machine_marks_ratios_and_states_no_frontier(
    study: ExperimentRecord, tmp_path: Path, is_busy: bool
) -> None:
    study = on_load(study, other_load=3.5 if is_busy else 0.1, processors=4)

    text = build_report(study, tmp_path).read_text()

    sentence = "- Latency was measured on a busy machine, so no frontier is stated: other processes"
    assert (sentence in text) == is_busy
    assert ("cells are on the accuracy-latency frontier" not in text) == is_busy
    assert ("| clip latency, ratio (busy machine) |" in text) == is_busy
    assert ("**Latency was measured on a busy machine**" in text) == is_busy
    assert f"; other processes kept {3.5 if is_busy else 0.1} of 4 processors busy\n" in text

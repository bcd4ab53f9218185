"""The section on steadiness over time."""

from pathlib import Path

import pytest

from reports.records import ExperimentRecord
from reports.report import build_report
from tests.reports.conftest import finished_run, record

pytestmark = pytest.mark.usefixtures("without_figures")


def flickering_study(**flicker: list[float]) -> ExperimentRecord:
    """Make cells with these shares of flicker by seed, equal in all else."""
    return record(
        [
            finished_run(cell, seed, 0.4 + 0.01 * seed, metrics={"miou": 0.4, "flicker": value})
            for cell, values in flicker.items()
            for seed, value in enumerate(values)
        ]
    )


def test_cell_that_flickers_less_is_better(tmp_path: Path) -> None:
    study = flickering_study(base=[0.070, 0.074, 0.079], calm=[0.050, 0.055, 0.059])

    text = build_report(study, tmp_path).read_text()

    assert "| cell | flicker, % (lower is better) |" in text
    assert "| **base** (baseline) | 7.43 ± 0.45 (3) |" in text
    assert "| calm | flicker | -1.97 | " in text
    assert text.count("| better |") == 1
    assert "- **calm** flickers least, 1.97 points less than the baseline, **base**.\n" in text
    assert (tmp_path / "steadiness.svg").exists()


def test_cell_that_flickers_more_is_worse(tmp_path: Path) -> None:
    study = flickering_study(base=[0.050, 0.055, 0.059], restless=[0.070, 0.074, 0.079])

    text = build_report(study, tmp_path).read_text()

    assert text.count("| worse |") == 1
    assert "flickers least" not in text


def test_report_without_metrics_of_steadiness_has_no_such_section(
    study: ExperimentRecord, tmp_path: Path
) -> None:
    assert "Steadiness" not in build_report(study, tmp_path).read_text()


def test_frames_too_far_apart_are_given_as_the_reason_for_what_is_missing(tmp_path: Path) -> None:
    runs = [
        finished_run(cell, seed, 0.4, metrics={"miou": 0.4, "boundary_miou": 0.2})
        for cell in "ab"
        for seed in range(3)
    ]

    text = build_report(record(runs), tmp_path).read_text()

    assert "The scored frames are too far apart to measure flicker and consistency." in text
    assert "| b | boundary mIoU | +0.00 |" in text

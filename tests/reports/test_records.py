"""The check of a record before it is analysed."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import reports
from reports.records import ExperimentRecord
from tests.reports.conftest import finished_run, record

RUNS = [finished_run(cell, seed, 0.4) for cell in "ab" for seed in range(3)]
COUNTS = {"frames": ["s/1"], "classes": ["road"], "confusions": np.ones((1, 1, 1), dtype=np.int64)}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": " "}, "the experiment has no name"),
        ({"baseline": "c"}, r"baseline 'c' is not a cell \(a, b\)"),
        ({"own_baseline": "c"}, r"own_baseline 'c' is not a cell \(a, b\)"),
        ({"own_baseline": "a"}, "own_baseline 'a' is the baseline: leave it out"),
        ({"cells": ["a"]}, "trials of cells that the record does not list: b"),
        ({"runs": [*RUNS, RUNS[0]]}, "2 finished trials of cell 'a' have seed 0: keep one"),
        ({"margin_points": 0.0}, r"margin_points must be above 0 \(got 0.0\)"),
        ({"margin_points": float("nan")}, "margin_points must be above 0"),
        ({"looks": (3, 5), "look": 3}, r"look must be from 1 to 2 \(got 3\)"),
        (
            {"runs": [replace(RUNS[0], **COUNTS | {"frames": ["s/1", "s/2"]})]},
            r"trial a-0: confusions have the shape \(1, 1, 1\), but its frames",
        ),
        (
            {"runs": [replace(RUNS[0], **COUNTS)]},
            "trial a-0: iou has classes that 'classes' lacks: sky",
        ),
    ],
)
def test_contradictory_record_is_refused(changes: dict[str, Any], message: str) -> None:
    contradictory = replace(record(RUNS), **changes)

    with pytest.raises(ValueError, match=message):
        reports.verdicts(contradictory)


def test_failed_trials_may_share_a_seed_with_a_finished_one() -> None:
    failed = replace(RUNS[0], state="FAILED", trial_id="again")
    experiment: ExperimentRecord = replace(record(RUNS), runs=[*RUNS, failed])

    assert len(reports.verdicts(experiment)) == 2

"""The rows of `reports.verdicts`: differences, verdicts and how often a cell is best."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

import reports
from reports.analysis.study import Study
from reports.analysis.verdict_rows import VerdictRow
from reports.records import ExperimentRecord, RunRecord
from tests.reports.conftest import finished_run, record
from tests.reports.text.answer.test_summary_properties import ODD_CASES, OddCase

FRAMES = [f"sequence{n}/1" for n in range(12)]


def trial_with_counts(cell: str, seed: int, right: int, slope: int = 3) -> RunRecord:
    """Make a trial that gets about this many of 100 pixels right in each of 12 frames."""
    hits = right + slope * np.arange(12) + (np.arange(12) * right) % 7
    counts = np.stack([np.stack([hits, 100 - hits], 1), np.stack([100 - hits, hits], 1)], 1)
    total = hits.sum()
    return finished_run(
        cell,
        seed,
        total / (2400 - total),
        frames=FRAMES,
        classes=["road", "sky"],
        confusions=counts.astype(np.int64),
    )


def by_cell(experiment: ExperimentRecord) -> dict[str, VerdictRow]:
    return {row.cell: row for row in reports.verdicts(experiment)}


def shares(experiment: ExperimentRecord) -> list[float]:
    return [row.best_share for row in reports.verdicts(experiment)]


def test_rows_hold_the_numbers_of_the_study(study: ExperimentRecord) -> None:
    base, new = reports.verdicts(study)

    difference = Study(study).against_baseline["new"].difference
    assert (base.cell, base.score, base.mean, base.verdict) == ("base", 0.42, 0, "baseline")
    assert math.isnan(base.low)
    assert math.isnan(base.seeds_needed)
    assert (new.mean, new.low, new.high) == (difference.mean, difference.low, difference.high)
    assert (new.verdict, new.covers, new.seeds_needed) == ("better", ("seeds",), 0)


def test_cell_without_a_score_has_a_row_without_numbers(study: ExperimentRecord) -> None:
    failed_trial = RunRecord("lost", 0, "x", "FAILED", {})

    row = by_cell(record([*study.runs, failed_trial]))["lost"]

    numbers = (row.score, row.mean, row.low, row.high, row.seeds_needed, row.best_share)
    assert all(map(math.isnan, numbers))
    assert (row.verdict, row.covers, row.best_covers) == ("no verdict", (), ())


def test_baseline_without_a_score_has_no_difference() -> None:
    failed_trial = RunRecord("base", 0, "x", "FAILED", {})

    row = by_cell(record([failed_trial, finished_run("new", 0, 0.4)]))["base"]

    assert math.isnan(row.mean)


def test_experiment_without_results_has_rows_without_numbers() -> None:
    pending_trials = [RunRecord(cell, 0, cell, "PENDING", {}) for cell in ("base", "new")]

    rows = reports.verdicts(record(pending_trials))

    assert [row.verdict for row in rows] == ["baseline", "no verdict"]
    assert all(math.isnan(row.score) for row in rows)


def test_margin_argument_overrides_the_margin_of_the_record(study: ExperimentRecord) -> None:
    study = replace(study, margin_points=20)

    assert reports.verdicts(study)[1].verdict == "better, by less than 20"
    assert reports.verdicts(study, margin=30)[1].verdict == "better, by less than 30"
    assert reports.verdicts(study, margin=1)[1].verdict == "better"


def test_margin_of_the_record_applies_to_miou_only(study: ExperimentRecord) -> None:
    study = replace(study, margin_points=20)
    runs = [
        replace(run, metrics={**run.metrics, "other": run.metrics["miou"]}) for run in study.runs
    ]
    study = replace(study, runs=runs)

    assert reports.verdicts(study, "other")[1].verdict == "better"
    assert reports.verdicts(study, "other", margin=20)[1].verdict == "better, by less than 20"


@pytest.mark.parametrize("margin", [0, -1, math.nan, math.inf])
def test_impossible_margin_is_refused(study: ExperimentRecord, margin: float) -> None:
    with pytest.raises(ValueError, match=r"margin must be .* above 0 \(got "):
        reports.verdicts(study, margin=margin)


def test_metric_that_no_trial_has_is_refused(study: ExperimentRecord) -> None:
    with pytest.raises(ValueError, match=r"no trial has the metric 'miuo' \(metrics: miou, pixel_"):
        reports.verdicts(study, "miuo")


def test_share_of_one_seed_is_the_tail_of_the_difference_over_test_sets() -> None:
    experiment = record(
        [trial_with_counts("base", 0, 50), trial_with_counts("new", 0, 53, slope=2)]
    )

    base, new = reports.verdicts(experiment)

    difference = Study(experiment).against_baseline["new"].difference
    freedom = len(FRAMES) - 1
    half = stats.t.ppf(0.975, freedom)
    deviation = (difference.high - difference.low) / 2 / half
    share = stats.t.cdf(new.mean / deviation, freedom)
    assert 0.6 < share < 0.95 or 0.05 < share < 0.4
    assert new.best_share == pytest.approx(share, abs=0.02)
    assert base.best_share + new.best_share == pytest.approx(1)
    assert new.best_covers == ("test set",)


def test_share_over_seeds_is_the_tail_of_the_paired_differences() -> None:
    base = [0.40, 0.42, 0.44, 0.43, 0.41]
    new = [0.41, 0.42, 0.44, 0.46, 0.42]
    runs = [finished_run("base", seed, miou) for seed, miou in enumerate(base)]
    runs += [finished_run("new", seed, miou) for seed, miou in enumerate(new)]

    row = by_cell(record(runs))["new"]

    differences = np.subtract(new, base)
    share = stats.t.cdf(differences.mean() / (differences.std(ddof=1) / math.sqrt(5)), 4)
    assert row.best_share == pytest.approx(share, abs=0.03)
    assert row.best_covers == ("seeds",)


def test_seeds_and_test_sets_are_drawn_together() -> None:
    runs = [
        trial_with_counts(cell, seed, right + seed * (right % 5))
        for cell, right in (("base", 50), ("new", 51))
        for seed in range(3)
    ]

    rows = reports.verdicts(record(runs))

    assert {row.best_covers for row in rows} == {("seeds", "test set")}


def test_cells_that_tie_in_every_draw_share_them() -> None:
    runs = [trial_with_counts(cell, 0, 50) for cell in ("one", "two", "three")]

    assert shares(record(runs)) == pytest.approx([1 / 3] * 3)
    assert shares(record([*runs, trial_with_counts("worse", 0, 30)]))[:3] == pytest.approx(
        [1 / 3] * 3
    )


def test_cell_ahead_of_all_others_in_every_draw_is_always_best() -> None:
    runs = [
        finished_run(cell, seed, miou + seed / 100)
        for cell, miou in (("base", 0.4), ("new", 0.5))
        for seed in range(3)
    ]

    assert shares(record(runs)) == [0, 1]


@pytest.mark.parametrize(
    "runs",
    [
        pytest.param(
            [finished_run("base", 0, 0.4), finished_run("new", 0, 0.5)], id="one seed, no counts"
        ),
        pytest.param(
            [finished_run("base", seed, 0.4 + seed / 50) for seed in range(3)], id="one cell"
        ),
        pytest.param(
            [
                *(finished_run("base", seed, 0.4 + seed / 50) for seed in range(3)),
                *(finished_run("new", seed, 0.5 + seed / 90) for seed in range(3)),
                finished_run("apart", 7, 0.6),
            ],
            id="a cell that shares no seed",
        ),
    ],
)
def test_share_is_unknown_where_the_errors_are(runs: list[RunRecord]) -> None:
    assert all(map(math.isnan, shares(record(runs))))


def test_interim_study_has_shares_but_no_verdicts(study: ExperimentRecord) -> None:
    plain, interim = reports.verdicts(study), reports.verdicts(replace(study, interim="so far"))

    assert interim[1].verdict == "interim"
    assert [row.best_share for row in interim] == [row.best_share for row in plain]


@pytest.mark.parametrize("case", ODD_CASES.values(), ids=ODD_CASES)
def test_shares_of_awkward_records_add_up_to_one_or_are_unknown(case: OddCase) -> None:
    experiment, _ = case

    ranked = [row for row in reports.verdicts(experiment) if not math.isnan(row.best_share)]

    assert not ranked or sum(row.best_share for row in ranked) == pytest.approx(1)
    assert all(row.best_covers and not math.isnan(row.score) for row in ranked)

"""The difference that a design can separate, estimated from an earlier study before it runs."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from orchestrator.networks.cost_estimate import estimate_train_seconds
from orchestrator.settings import Settings
from orchestrator.spec.experiment import Experiment
from reports.analysis.inference import CONFIDENCE, TestSetError
from reports.analysis.planning.adaptive import GrowingStudies
from reports.analysis.planning.looks import compute_growing_confidences
from reports.analysis.planning.power import (
    Variation,
    estimate_typical_variation,
    find_separable_difference,
)
from reports.analysis.study import Study
from reports.analysis.verdict import SEEDS_FOR_A_VERDICT
from reports.records import ExperimentRecord
from vss.errors import UserError

_NUMBERS_OF_SEEDS = (3, 5, 10, 20)  # in addition to those of the spec
_MULTIPLES = (0.0, 0.5, 1.0, 2.0, 4.0)  # of the difference that the last look separates
_STUDIES = 200  # simulated to see how a design grows


@dataclass(frozen=True)
class PowerRow:
    """The difference that a number of seeds can separate, and its cost.

    Attributes:
        seeds: the number of seeds per cell.
        points: the difference in mIoU that is separated with 80 % power, in points.
        trials: the number of trials.
        hours: training time of all trials in sequence; None if the time of some is unknown.
        is_planned: whether the spec or one of its looks has this number of seeds.
    """

    seeds: int
    points: float
    trials: int
    hours: float | None
    is_planned: bool


@dataclass(frozen=True)
class GrowthRow:
    """What becomes of a design that grows look by look, if all cells truly differ by as much.

    Attributes:
        points: the true difference of every cell from the baseline, in points of mIoU.
        trainings: the mean number of trials.
        settled: the share of cells with a verdict in the end: better, worse or equivalent.
        settled_by_all_seeds: the same, if every cell got all seeds and was judged once.
    """

    points: float
    trainings: float
    settled: float
    settled_by_all_seeds: float


@dataclass(frozen=True)
class PowerEstimate:
    """The differences that a design can separate, by its number of seeds.

    Attributes:
        source: the earlier study that the variances come from.
        seed_deviation: standard deviation of a trial's mIoU over seeds, in points.
        test_set_deviation: standard deviation of a difference over test sets, in points; 0 if
            unknown.
        rows: one row per number of seeds.
        growth: one row per true difference; empty if no looks are planned.
        most_trials: the number of trials if every cell needs all seeds.
    """

    source: str
    seed_deviation: float
    test_set_deviation: float
    rows: Sequence[PowerRow]
    growth: Sequence[GrowthRow] = ()
    most_trials: int = 0


def estimate_power(
    experiment: Experiment, earlier_study: ExperimentRecord, settings: Settings
) -> PowerEstimate:
    """Estimate the differences that a design can separate.

    Args:
        experiment: the design, with the trials of all looks.
        earlier_study: the study that the variances come from.
        settings: the addresses of earlier trials, which the hours are estimated from.

    Raises:
        UserError: if there is nothing to compare, or the earlier study shows no variance.
    """
    if len(experiment.cells) < 2:
        raise UserError(f"--power needs at least 2 cells to compare ('{experiment.name}' has 1)")
    variation = estimate_typical_variation(Study(earlier_study))
    if variation is None:
        raise UserError(
            f"'{earlier_study.name}' shows no variance over seeds: use --like with a study "
            "in which two cells share at least two seeds"
        )
    rows = _rows(experiment, variation, estimate_train_seconds(experiment, settings))
    return PowerEstimate(
        source=earlier_study.name,
        seed_deviation=100 * math.sqrt(variation.over_seeds),
        test_set_deviation=100 * math.sqrt(variation.over_test_sets),
        rows=rows,
        growth=_simulate_growth(experiment, variation, rows) if experiment.looks else (),
        most_trials=len(experiment.trials),
    )


def _simulate_growth(
    experiment: Experiment, variation: Variation, rows: Sequence[PowerRow]
) -> list[GrowthRow]:
    looks = [look for look in experiment.looks if look <= _count_seeds(experiment)]
    separable = next(row.points for row in rows if row.seeds == looks[-1])
    margin = None if experiment.margin_points is None else experiment.margin_points / 100
    deviations = np.ones(len(experiment.cells))
    studies = GrowingStudies(looks, variation, deviations, _STUDIES, np.random.default_rng(0))
    growth = []
    for points in (float(f"{multiple * separable:.2g}") for multiple in _MULTIPLES):
        differences = np.full(len(deviations) - 1, points / 100)
        grown = studies.grow(differences, margin)
        once = studies.judge_once(differences, margin)
        settled = (
            float(((outcomes.directions != 0) | outcomes.equivalent).mean())
            for outcomes in (grown, once)
        )
        growth.append(GrowthRow(points, float(grown.trainings.mean()), *settled))
    return growth


def _count_seeds(experiment: Experiment) -> int:
    return len({trial.config.seed for trial in experiment.trials})


def _rows(
    experiment: Experiment, variation: Variation, train_seconds: Mapping[str, float | None]
) -> list[PowerRow]:
    planned_seeds = set(experiment.looks or [_count_seeds(experiment)])
    estimated_seconds = [seconds for seconds in train_seconds.values() if seconds is not None]
    is_complete = len(estimated_seconds) == len(train_seconds)
    hours = sum(estimated_seconds) / 3600 if is_complete else None
    confidences = _confidences(experiment, variation)
    return [
        PowerRow(
            seeds=seeds,
            points=100
            * find_separable_difference(
                variation,
                len(experiment.cells),
                seeds,
                confidences.get(seeds, CONFIDENCE),
            ),
            trials=seeds * len(experiment.cells),
            hours=None if hours is None else seeds * hours,
            is_planned=seeds in planned_seeds,
        )
        for seeds in sorted(planned_seeds | set(_NUMBERS_OF_SEEDS))
        if seeds >= SEEDS_FOR_A_VERDICT
    ]


def _confidences(experiment: Experiment, variation: Variation) -> dict[int, float]:
    """Return number of seeds -> confidence of the comparisons with the baseline at that look."""
    cells = len(experiment.cells)
    error = None
    if variation.over_test_sets > 0:
        error = TestSetError(variation.over_test_sets / 2 * np.eye(cells), variation.freedom)
    confidences = compute_growing_confidences(
        experiment.looks,
        np.full(cells, variation.over_seeds),
        error,
        np.hstack([-np.ones((cells - 1, 1)), np.eye(cells - 1)]),
        np.random.default_rng(0),
    )
    return dict(zip(experiment.looks, confidences, strict=False))

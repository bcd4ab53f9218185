"""The difference that a design can separate, estimated from an earlier study before it runs."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import orchestrator
from orchestrator.networks.cost_estimate import estimate_train_seconds
from orchestrator.settings import Settings
from orchestrator.spec.experiment import Experiment
from reports.analysis.inference import CONFIDENCE, TestSetError
from reports.analysis.looks import confidence_of_a_look
from reports.analysis.power import Variation, separable_difference, typical_variation
from reports.analysis.study import Study
from reports.analysis.verdict import SEEDS_FOR_A_VERDICT
from reports.formats import results_json
from reports.formats.arrays import ReportError
from reports.records import ExperimentRecord
from vss.errors import UserError

_NUMBERS_OF_SEEDS = (3, 5, 10, 20)  # beside those of the spec


@dataclass(frozen=True)
class PowerRow:
    """What a number of seeds can separate, and what it costs.

    Attributes:
        points: the difference in mIoU that is separated with 80 % power.
        hours: of all trainings, one after another; None if the time of some is not known.
        is_planned: the spec states this number, or a look has it.
    """

    seeds: int
    points: float
    trainings: int
    hours: float | None
    is_planned: bool


@dataclass(frozen=True)
class PowerEstimate:
    """What a design can separate, by its number of seeds.

    Attributes:
        source: the earlier study whose variances are used.
        seed_deviation: of one training over seeds, in points.
        test_set_deviation: of a difference over test sets, in points; 0 if it is not known.
    """

    source: str
    seed_deviation: float
    test_set_deviation: float
    rows: Sequence[PowerRow]


def estimate_power(
    experiment: Experiment, like: str | None, folder: Path, settings: Settings
) -> PowerEstimate:
    """Estimate what a design can separate.

    Args:
        experiment: the design, with the trials of all looks.
        like: the earlier study in the ledger, or the folder of its report; None for committed
            results on the same dataset, those with the most trials.
        folder: the folder of the spec; `results` beside it may hold committed results.
        settings: the addresses of ledger and MLflow.

    Raises:
        UserError: if there is no such study, or its seeds tell no variance.
    """
    if len(experiment.cells) < 2:
        raise UserError(f"--power: '{experiment.name}' has one cell, and nothing to compare")
    record = _committed(experiment, folder) if like is None else _read(like, folder, settings)
    variation = typical_variation(Study(record))
    if variation is None:
        raise UserError(
            f"'{record.name}' tells no variance over seeds: --like takes a study in which two "
            "cells share two seeds or more"
        )
    return PowerEstimate(
        source=record.name,
        seed_deviation=100 * math.sqrt(variation.over_seeds),
        test_set_deviation=100 * math.sqrt(variation.over_test_sets),
        rows=_rows(experiment, variation, estimate_train_seconds(experiment, settings)),
    )


def _rows(
    experiment: Experiment, variation: Variation, train_seconds: Mapping[str, float | None]
) -> list[PowerRow]:
    planned = set(experiment.looks or [len({t.config.seed for t in experiment.trials})])
    known = [seconds for seconds in train_seconds.values() if seconds is not None]
    hours = sum(known) / 3600 if len(known) == len(train_seconds) else None
    confidence = _confidence(experiment, variation)
    return [
        PowerRow(
            seeds=seeds,
            points=100
            * separable_difference(
                variation,
                len(experiment.cells),
                seeds,
                confidence if seeds in experiment.looks else CONFIDENCE,
            ),
            trainings=seeds * len(experiment.cells),
            hours=None if hours is None else seeds * hours,
            is_planned=seeds in planned,
        )
        for seeds in sorted(planned | set(_NUMBERS_OF_SEEDS))
        if seeds >= SEEDS_FOR_A_VERDICT
    ]


def _confidence(experiment: Experiment, variation: Variation) -> float:
    """Return the confidence of each planned look."""
    cells = len(experiment.cells)
    error = None
    if variation.over_test_sets > 0:
        error = TestSetError(variation.over_test_sets / 2 * np.eye(cells), variation.freedom)
    return confidence_of_a_look(
        experiment.looks,
        np.full(cells, variation.over_seeds),
        error,
        np.hstack([-np.ones((cells - 1, 1)), np.eye(cells - 1)]),
        np.random.default_rng(0),
    )


def _read(like: str, folder: Path, settings: Settings) -> ExperimentRecord:
    """Read a study from the folder of its report, the ledger, or committed results."""
    if Path(like).is_dir():
        return _load(Path(like))
    if settings.has_ledger:
        from orchestrator.results.records import read_record
        from orchestrator.stores import open_ledger, open_tracker

        ledger = open_ledger(settings)
        if like in [status.name for status in ledger.experiments()]:
            trials = ledger.trials(like)
            return read_record(ledger.experiment(like), trials, open_tracker(settings))
    committed = {path.name: path for path in _committed_folders(folder)}
    if like in committed:
        return _load(committed[like])
    names = ", ".join(committed) or "none"
    raise UserError(
        f"--like {like}: neither an experiment in the ledger nor the folder of a report "
        f"(committed results: {names})"
    )


def _committed(experiment: Experiment, folder: Path) -> ExperimentRecord:
    """Read the committed results with the most trials on the dataset of an experiment."""
    datasets = {config.dataset for config in experiment.cells.values()}
    records = [_load(path) for path in _committed_folders(folder)]
    alike = [
        record
        for record in records
        if datasets & {str(run.settings.get("dataset")) for run in record.finished}
    ]
    if not alike:
        raise UserError(
            f"--power: no committed results on {', '.join(sorted(datasets))}; name an earlier "
            "study with --like EXPERIMENT, or the folder of its report"
        )
    return max(alike, key=lambda record: len(record.finished))


def _committed_folders(folder: Path) -> Iterator[Path]:
    """Yield the folders of committed results, beside the spec and in the repository."""
    home = Path(next(iter(orchestrator.__path__))).parent / "experiments"
    for parent in dict.fromkeys((folder.resolve() / "results", home / "results")):
        yield from sorted(path.parent for path in parent.glob(f"*/{results_json.RESULTS}"))


def _load(folder: Path) -> ExperimentRecord:
    try:
        return results_json.load(folder)
    except ReportError as error:
        raise UserError(str(error)) from None

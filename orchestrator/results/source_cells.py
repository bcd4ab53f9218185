"""Cells that others start or learn from, as a report shows them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import fmean
from typing import Any

from orchestrator.ledger.entries import TrialStatus
from orchestrator.spec.sources.dependencies import name_source
from orchestrator.terminal.counts import count_of
from reports.records import ExperimentRecord, RunRecord
from vss import catalog
from vss.trial_rules import WEIGHT_PARTS

_NAMING_SETTINGS = ("teacher", "weights")


def name_sources(trials: Sequence[TrialStatus]) -> list[TrialStatus]:
    """Return trials whose settings name the cells that they depend on, not these cells' trials."""
    cells = {trial.trial_id: trial.cell for trial in trials}
    named_trials = []
    for trial in trials:
        named = {
            setting: name_source(str(trial.settings[setting]), cells.get)
            for setting in _NAMING_SETTINGS
            if setting in trial.settings
        }
        named_trials.append(replace(trial, settings={**trial.settings, **named}))
    return named_trials


def leave_out_sources(record: ExperimentRecord, trials: Sequence[TrialStatus]) -> ExperimentRecord:
    """Leave out the cells that only train weights for others, on data of their own.

    Their scores are on other frames and maybe other classes than those of the baseline.

    Args:
        record: the experiment.
        trials: its trials as the ledger has them.
    """
    data = {run.cell: _data(run.settings) for run in record.runs}
    sources = _find_sources_of_weights(trials)
    others = [cell for cell in record.cells if cell not in sources]
    # The baseline may have no trial.
    reference = next((data[cell] for cell in (record.baseline, *others) if cell in data), None)
    strangers = {cell for cell in sources if data[cell] != reference}
    if not strangers:
        return record
    return replace(
        record,
        cells=[cell for cell in record.cells if cell not in strangers],
        runs=[run for run in record.runs if run.cell not in strangers],
        costs={cell: cost for cell, cost in record.costs.items() if cell not in strangers},
        uncompared={
            cell: _describe([run for run in record.runs if run.cell == cell])
            for cell in record.cells
            if cell in strangers
        },
    )


def _find_sources_of_weights(trials: Sequence[TrialStatus]) -> set[str]:
    cells = {trial.trial_id: trial.cell for trial in trials}
    names = (str(trial.settings.get("weights", "")).partition(":") for trial in trials)
    return {cells[trial_id] for part, _, trial_id in names if part in WEIGHT_PARTS}


def _data(settings: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return what decides the frames and classes that a trial is scored on."""
    row = catalog.DATASETS.get(settings["dataset"])
    options = row.options if row else ()
    return (settings["dataset"], settings.get("scored_split"), *map(settings.get, options))


def _describe(runs: Sequence[RunRecord]) -> str:
    """Say what the trials of a cell were scored on and how well they did."""
    scores = [run.metrics["miou"] for run in runs if "miou" in run.metrics]
    place = f"{runs[0].settings['dataset']} ({runs[0].settings.get('scored_split')})"
    if not scores:
        return f"to be scored on {place}"
    seeds = count_of(len(scores), "seed")
    return f"{100 * fmean(scores):.2f} % mIoU on {place}, {seeds}"

"""A plan on a terminal: what differs between its cells."""

import json
from collections import Counter
from collections.abc import Mapping
from itertools import islice
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from orchestrator.spec.experiment import Experiment
from orchestrator.spec.sources.dependencies import name_source
from orchestrator.terminal.counts import count_of
from orchestrator.terminal.plans.size import format_duration
from vss.options import list_varying_settings

_MOST_COLUMNS = 5  # more settings than these share one column
_LONGEST_VALUE = 24  # characters
_MOST_CELLS = 500  # more rows take seconds to lay out, and nobody reads them


def build_plan_table(experiment: Experiment, seconds: Mapping[str, float]) -> Table:
    """Return a table of the settings in which cells differ, their seeds and their time.

    Args:
        experiment: the plan.
        seconds: cell -> seconds that one of its trials takes, where that is known.
    """
    names = list_varying_settings([c.settings() for c in experiment.cells.values()])
    share_column = len(names) > _MOST_COLUMNS
    columns = ["differs in"] if share_column else names
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for column in ("cell", *columns):
        table.add_column(column, overflow="fold")
    for column in ("seeds", "a trial takes")[: 2 if seconds else 1]:
        table.add_column(column, justify="right", no_wrap=True)
    seeds = Counter(trial.cell for trial in experiment.trials)
    if (more := len(experiment.cells) - _MOST_CELLS) > 0:
        table.caption = f"and {count_of(more, 'more cell')}, which `plan --json` lists"
    for cell, config in islice(experiment.cells.items(), _MOST_CELLS):
        values = {name: _show(config.settings().get(name), experiment) for name in names}
        together = ", ".join(f"{name} {value}" for name, value in values.items() if value != "-")
        mark = " (baseline)" if cell == experiment.baseline else ""
        time = [format_duration(seconds[cell]) if cell in seconds else "?"] if seconds else []
        shown = [together] if share_column else list(values.values())
        table.add_row(f"{cell}{mark}", *shown, str(seeds[cell]), *time)
    return table


def _show(value: Any, experiment: Experiment) -> str:
    if value is None:
        return "-"
    if isinstance(value, str):
        text = name_source(value, lambda trial_id: _find_cell(trial_id, experiment))
    else:
        text = f"{value:g}" if isinstance(value, float) else json.dumps(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 3]}..."


def _find_cell(trial_id: str, experiment: Experiment) -> str | None:
    trial = experiment.trial_by_id.get(trial_id)
    return None if trial is None else trial.cell

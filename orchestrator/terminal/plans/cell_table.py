"""A plan on a terminal: what differs between its cells."""

import json
from collections import Counter
from collections.abc import Mapping
from itertools import islice
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.table import Table

from orchestrator.spec.experiment import Experiment
from orchestrator.spec.sources.dependencies import name_source
from orchestrator.terminal.counts import count_of
from orchestrator.terminal.plans.size import format_duration
from vss.options import list_varying_settings

# More settings than these, or wider ones, share one column: the others need the rest of 80.
_MOST_COLUMNS, _MOST_WIDTH = 5, 48
_LONGEST_VALUE = 24  # characters
_MOST_CELLS = 500  # more rows take seconds to lay out, and nobody reads them


def build_plan_table(experiment: Experiment, seconds: Mapping[str, float]) -> Table:
    """Return a table of the settings in which cells differ, their seeds and their time.

    Args:
        experiment: the plan.
        seconds: cell -> seconds that one of its trials takes, where that is known.
    """
    names = list_varying_settings([c.settings() for c in experiment.cells.values()])
    cells = list(islice(experiment.cells.items(), _MOST_CELLS))
    values = {name: [_show(c.settings().get(name), experiment) for _, c in cells] for name in names}
    headers = _choose_headers(names, list(values.values()))
    share_column = headers is None
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("cell", overflow="fold")
    for header in ["differs in"] if headers is None else headers:
        table.add_column(header, overflow="fold", no_wrap=not share_column)
    for column in ("seeds", "a trial takes")[: 2 if seconds else 1]:
        table.add_column(column, justify="right", no_wrap=True)
    seeds = Counter(trial.cell for trial in experiment.trials)
    if (more := len(experiment.cells) - _MOST_CELLS) > 0:
        table.caption = f"and {count_of(more, 'more cell')}, which `plan --json` lists"
    for (cell, _), *row in zip(cells, *values.values(), strict=True):
        pairs = zip(names, row, strict=True)
        together = ", ".join(f"{name} {value}" for name, value in pairs if value != "-")
        mark = " (baseline)" if cell == experiment.baseline else ""
        time = [format_duration(seconds[cell]) if cell in seconds else "?"] if seconds else []
        shown = [together] if share_column else row
        table.add_row(f"{cell}{mark}", *shown, str(seeds[cell]), *time)
    return table


def _choose_headers(names: list[str], values: list[list[str]]) -> list[str] | None:
    """Return the headers of settings, in several lines where they must be, or None if too wide."""
    for headers in (names, [name.replace("_", "_\n") for name in names]):
        columns = [[*h.split("\n"), *v] for h, v in zip(headers, values, strict=True)]
        widths = [max(map(cell_len, column)) + 2 for column in columns]
        if len(columns) <= _MOST_COLUMNS and sum(widths) <= _MOST_WIDTH:
            return headers
    return None


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

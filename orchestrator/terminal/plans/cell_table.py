"""A plan on a terminal: what differs between its cells, and how long its trials will take."""

import json
import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from orchestrator.spec.experiment import Experiment
from orchestrator.terminal.counts import count_of
from vss.options import list_varying_settings

_MOST_COLUMNS = 5  # more settings than these share one column
_LONGEST_VALUE = 24  # characters


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
    for cell, config in experiment.cells.items():
        values = {name: _show(config.settings().get(name), experiment) for name in names}
        together = ", ".join(f"{name} {value}" for name, value in values.items() if value != "-")
        mark = " (baseline)" if cell == experiment.baseline else ""
        time = [format_duration(seconds[cell]) if cell in seconds else "?"] if seconds else []
        shown = [together] if share_column else list(values.values())
        table.add_row(f"{cell}{mark}", *shown, str(seeds[cell]), *time)
    return table


def describe_time(experiment: Experiment, seconds: Mapping[str, float], slots: int) -> str:
    """Return a line that says how long all trials take, or how to find out.

    Args:
        experiment: the plan.
        seconds: cell -> seconds that one of its trials takes, where that is known.
        slots: number of trials that run at the same time on this machine; 0 if none can.
    """
    unknown = len(experiment.cells) - len(seconds)
    if unknown:
        cells = f"{unknown} of " if seconds else ""
        return (
            f"time: unknown for {cells}{count_of(len(experiment.cells), 'cell')}, as no similar "
            "trial has finished; --probe runs 5 steps of each to tell"
        )
    times = [seconds[trial.cell] for trial in experiment.trials]
    line = f"time: about {format_duration(sum(times))} one after the other"
    if slots > 1 and len(times) > 1:
        together = min(slots, len(times))
        parallel = format_duration(max(*times, sum(times) / together))
        line += f", {parallel} with {together} at a time on this machine"
    return line


def format_duration(seconds: float) -> str:
    """Return a duration in its two largest units, such as "45 s", "12 min" or "3 h 20 min"."""
    if seconds < 90:
        return f"{max(1, math.ceil(seconds))} s"
    minutes = math.ceil(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 48 else f"{hours} h"


def _show(value: Any, experiment: Experiment) -> str:
    if value is None:
        return "-"
    if isinstance(value, str):
        teacher = experiment.trial_by_id.get(value)
        text = teacher.cell if teacher else value
    else:
        text = f"{value:g}" if isinstance(value, float) else json.dumps(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 3]}..."

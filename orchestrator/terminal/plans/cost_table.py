"""The cost of an experiment as a table on a terminal."""

from collections import Counter
from collections.abc import Mapping
from datetime import timedelta

from rich.box import SIMPLE_HEAD
from rich.table import Table

from orchestrator.networks.cost_estimate import CostEstimate
from orchestrator.spec.experiment import Experiment
from orchestrator.terminal.plans.search import estimate_seconds


def build_cost_table(experiment: Experiment, costs: Mapping[str, CostEstimate]) -> Table:
    """Return a table of the cost of each cell; the caption adds up the time of all trials."""
    table = Table(title="cost", title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("cell", overflow="fold", min_width=12)
    for name in (
        "params\nM",
        "GFLOPs per\nprediction",
        "training\nGiB",
        "training\ntime",
        "trials",
    ):
        table.add_column(name, justify="right", no_wrap=True)
    trials = Counter(trial.cell for trial in experiment.trials)
    for cell, cost in costs.items():
        table.add_row(
            cell,
            f"{cost.parameters / 1e6:.2f}",
            f"{cost.gflops:,.1f}",
            f"{cost.training_memory_mib / 1024:.2f}",
            _time(cost.train_seconds),
            str(trials[cell]),
        )
    seconds_by_cell = {
        cell: cost.train_seconds for cell, cost in costs.items() if cost.train_seconds
    }
    seconds = [seconds_by_cell[cell] * trials[cell] for cell in seconds_by_cell]
    caption = "GiB: peak size of a trial's tensors; a CPU process needs about 0.5 more. "
    if len(seconds) == len(costs):
        caption += f"All trials in sequence: {_time(sum(seconds))}"
        search = sum(estimate_seconds(experiment, seconds_by_cell))
        caption += f", after {_time(search)} of search." if search else "."
    else:
        caption += "A training time is unknown (?) until a similar trial has run on this device."
    table.caption, table.caption_justify = caption, "left"
    return table


def _time(seconds: float | None) -> str:
    return "?" if seconds is None else str(timedelta(seconds=round(seconds)))

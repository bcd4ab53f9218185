"""What a plan says of the search for settings: what is searched, in how many trials and steps."""

from collections.abc import Iterator, Mapping
from typing import Any

from orchestrator.spec.experiment import Experiment
from orchestrator.spec.tuning.searches import CellSearch
from orchestrator.spec.tuning.tune import REDUCTION
from orchestrator.spec.tuning.tuning import Tuning
from orchestrator.terminal.counts import count_of


def describe_search(experiment: Experiment) -> Iterator[str]:
    """Yield a line on what is searched and a line on how much that is; none without a search."""
    tuning = experiment.tuning
    if tuning is None or not tuning.searches:
        return
    cells = count_of(len(tuning.searches), "cell")
    yield f"search: {tuning.tune.describe_ranges()}, in each of {cells}"
    least = sum(_count_steps(search, survivors_only=True) for search in tuning.searches.values())
    most = sum(_count_steps(search) for search in tuning.searches.values())
    samples = tuning.tune.samples * len(tuning.searches)
    steps = f"{most:,} steps" if least == most else f"about {least:,} steps"
    study = sum(trial.config.steps for trial in experiment.trials)
    yield (
        f"search: {samples} samples, {tuning.tune.method}; {steps}, after which the study trains "
        f"{study:,}"
    )


def describe_searches(tuning: Tuning) -> dict[str, Any]:
    """Return the search of each cell as JSON values."""
    return {
        cell: {
            "search": tuning.tune.search,
            "samples": tuning.tune.samples,
            "seeds": list(tuning.tune.seeds),
            "compared_after_steps": search.rungs,
            "steps_at_most": _count_steps(search),
        }
        for cell, search in tuning.searches.items()
    }


def estimate_seconds(experiment: Experiment, seconds: Mapping[str, float]) -> list[float]:
    """Return about how long each sample takes, by the time of a trial of its cell."""
    searches = experiment.tuning.searches if experiment.tuning is not None else {}
    return [
        seconds[cell]
        * _count_steps(search, survivors_only=True)
        / search.tune.samples
        / experiment.cells[cell].steps
        for cell, search in searches.items()
        for _ in range(search.tune.samples)
    ]


def _count_steps(search: CellSearch, survivors_only: bool = False) -> int:
    """Return the steps of all samples: at most, or if a third goes on after each milestone."""
    samples, total, before = search.tune.samples, 0.0, 0
    for rung in search.rungs:
        total += samples * (rung - before)
        before = rung
        samples = max(1, round(samples / REDUCTION)) if survivors_only else samples
    return round(total)

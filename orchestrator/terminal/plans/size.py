"""The size of a plan: its trials and their time, as a range if looks decide how many there are."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence

from orchestrator.spec.experiment import Experiment
from orchestrator.spec.trial_builder import PlannedTrial
from orchestrator.terminal.counts import count_of
from orchestrator.terminal.plans.search import estimate_seconds


def describe_count(experiment: Experiment) -> str:
    """Return the number of trials: "20 trials", or "6 to 20 trials" if looks are planned."""
    least, most = len(_first_look(experiment)), count_of(len(experiment.trials), "trial")
    return f"{least} to {most}" if 0 < least < len(experiment.trials) else most


def describe_looks(experiment: Experiment) -> Iterator[str]:
    """Yield a line for each planned look that the plan includes."""
    planned = len({trial.config.seed for trial in experiment.trials})
    for number, seeds in enumerate(experiment.looks, start=1):
        if seeds <= planned:
            trials = count_of(seeds * len(experiment.cells), "trial")
            at_most = "" if number == 1 else "at most "
            yield f"look {number}: {count_of(seeds, 'seed')}, {at_most}{trials}"


def describe_time(experiment: Experiment, seconds: Mapping[str, float], slots: int) -> str:
    """Return a line that says how long all trials take, or how to find out.

    If looks are planned, the least is the time of the first one.

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
            "trial has finished; --probe runs 5 steps of each to estimate it"
        )
    sizes = [trials for trials in (_first_look(experiment), experiment.trials) if trials]
    samples = estimate_seconds(experiment, seconds)
    times = [[*samples, *(seconds[trial.cell] for trial in trials)] for trials in sizes]
    search = f" ({_join([sum(samples)])} of it for the search)" if samples else ""
    line = f"time: about {_join(map(sum, times))} one after the other{search}"
    together = min(slots, len(times[-1]))
    if together > 1:
        parallel = (max(*part, sum(part) / together) for part in times)
        line += f", {_join(parallel)} with {together} at a time on this machine"
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


def _first_look(experiment: Experiment) -> Sequence[PlannedTrial]:
    """Return the trials of the first look; none if no looks are planned."""
    if not experiment.looks:
        return ()
    return [trial for trial in experiment.trials if trial.config.seed < experiment.looks[0]]


def _join(seconds: Iterable[float]) -> str:
    """Return a duration, or "3 min to 10 min" of two that differ."""
    return " to ".join(dict.fromkeys(map(format_duration, seconds)))

"""How far an experiment with planned looks has got, in a line."""

from collections.abc import Sequence

from orchestrator.ledger.entries import TrialStatus
from orchestrator.spec.looks import find_look
from orchestrator.terminal.counts import count_of


def count_at_most(looks: Sequence[int], trials: Sequence[TrialStatus]) -> int:
    """Return how many trials there are if every cell that is still open needs all seeds."""
    seeds_by_cell: dict[str, set[int]] = {}
    for trial in trials:
        seeds_by_cell.setdefault(trial.cell, set()).add(trial.seed)
    counts = [len(seeds) for seeds in seeds_by_cell.values()]
    most = max(counts, default=0)
    return sum(max(count, looks[-1]) if count == most else count for count in counts)


def describe_look(looks: Sequence[int], trials: Sequence[TrialStatus]) -> str | None:
    """Return "look 2 of 4 (5 of at most 10 seeds): 14 to 24 trials"; None without looks."""
    trials = [trial for trial in trials if trial.sample is None]
    if not looks or not trials:
        return None
    look = find_look(looks, (trial.seed for trial in trials))
    most = count_at_most(looks, trials)
    count = f"{len(trials)} to {most}" if most > len(trials) else str(most)
    return (
        f"look {look} of {len(looks)} ({looks[look - 1]} of at most "
        f"{count_of(looks[-1], 'seed')}): {count} trials"
    )

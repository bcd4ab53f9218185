"""How far an experiment with planned looks has got, in a line."""

from collections import Counter
from collections.abc import Sequence

from orchestrator.ledger.entries import TrialStatus
from orchestrator.spec.looks import find_look
from orchestrator.terminal.counts import count_of


def read_look(looks: Sequence[int], baseline: str, trials: Sequence[TrialStatus]) -> int:
    """Return the look of the baseline, counted from 1, as it gets the seeds of every open cell.

    Cells that others learn from may have more seeds: those of an earlier plan.
    """
    seeds = [trial.seed for trial in trials if trial.cell == baseline]
    return find_look(looks, seeds or [trial.seed for trial in trials])


def count_at_most(looks: Sequence[int], baseline: str, trials: Sequence[TrialStatus]) -> int:
    """Return how many trials there are if every cell that is still open needs all seeds."""
    counts = Counter(cell for cell, _ in {(trial.cell, trial.seed) for trial in trials})
    reached = counts.get(baseline) or max(counts.values(), default=0)
    return sum(max(n, looks[-1]) if n >= reached else n for n in counts.values())


def describe_look(looks: Sequence[int], baseline: str, trials: Sequence[TrialStatus]) -> str | None:
    """Return "look 2 of 4 (5 of at most 10 seeds): 14 to 24 trials"; None without looks."""
    trials = [trial for trial in trials if trial.sample is None]
    if not looks or not trials:
        return None
    look = read_look(looks, baseline, trials)
    most = count_at_most(looks, baseline, trials)
    count = f"{len(trials)} to {most}" if most > len(trials) else str(most)
    return (
        f"look {look} of {len(looks)} ({looks[look - 1]} of at most "
        f"{count_of(looks[-1], 'seed')}): {count} trials"
    )

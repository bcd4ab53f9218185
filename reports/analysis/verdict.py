"""Verdicts, read off simultaneous intervals."""

SEEDS_FOR_A_VERDICT = 3
BETTER, WORSE, NOT_SEPARABLE, NO_VERDICT = "better", "worse", "not separable", "no verdict"
EQUIVALENT = "equivalent"
INTERIM = "interim"  # before all planned trials have run
BASELINE = "baseline"  # instead of a verdict on the baseline itself


def read_verdict(low: float, high: float, margin: float | None = None) -> str:
    """Return the verdict of an interval.

    Args:
        low, high: the ends of the interval of a difference.
        margin: the difference that does not matter, in the same unit; None if every one does.

    Returns:
        better or worse if the interval excludes 0, else not separable. If the interval lies within
        the margin: "equivalent within ...", or "better, by less than ...".
    """
    direction = BETTER if low > 0 else WORSE if high < 0 else None
    if margin is not None and -margin < low and high < margin:
        points = f"{100 * margin:g}"
        return (
            f"{direction}, by less than {points}" if direction else f"{EQUIVALENT} within {points}"
        )
    return direction or NOT_SEPARABLE


def turn(verdict: str) -> str:
    """Swap better and worse: for a metric of which less is better."""
    swapped = {BETTER: WORSE, WORSE: BETTER}
    word, comma, limit = verdict.partition(",")
    return swapped.get(word, word) + comma + limit


def is_verdict(verdict: str) -> bool:
    """Return whether a comparison has a verdict: enough seeds, and not an interim report."""
    return verdict not in (NO_VERDICT, INTERIM)


def is_separable(verdict: str) -> bool:
    """Return whether a verdict says that one of two is better, by however little."""
    return verdict.startswith((BETTER, WORSE))


def is_better(verdict: str) -> bool:
    """Return whether a verdict says better, by however little."""
    return verdict.startswith(BETTER)


def is_worse(verdict: str) -> bool:
    """Return whether a verdict says worse, by however little."""
    return verdict.startswith(WORSE)


def is_equivalent(verdict: str) -> bool:
    """Return whether a verdict says that a difference does not matter."""
    return verdict.startswith(EQUIVALENT)

"""Counts with their noun in the singular or plural."""


def count_of(number: int, noun: str) -> str:
    """Return a number and its noun: "1 trial", "4 trials"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"

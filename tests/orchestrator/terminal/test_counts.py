"""Counts with their noun."""

from orchestrator.terminal.counts import count_of


def test_noun_is_singular_only_for_one() -> None:
    assert [count_of(n, "trial") for n in (0, 1, 2)] == ["0 trials", "1 trial", "2 trials"]

"""Verdicts as they are read off intervals."""

import pytest

from reports.analysis.verdict import (
    is_better,
    is_equivalent,
    is_separable,
    is_worse,
    read_verdict,
)


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.001, 0.02, "better"),
        (-0.02, -0.001, "worse"),
        (-0.001, 0.02, "not separable"),
        (0.0, 0.02, "not separable"),
        (-0.02, 0.0, "not separable"),
        (0.0, 0.0, "not separable"),
    ],
)
def test_without_a_margin_a_verdict_says_whether_the_interval_excludes_zero(
    low: float, high: float, verdict: str
) -> None:
    assert read_verdict(low, high) == verdict


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (-0.004, 0.004, "equivalent within 0.5"),
        (0.0, 0.0, "equivalent within 0.5"),
        (0.001, 0.004, "better, by less than 0.5"),
        (-0.004, -0.001, "worse, by less than 0.5"),
        (0.001, 0.005, "better"),
        (-0.005, 0.004, "not separable"),
        (-0.004, 0.006, "not separable"),
        (-0.02, -0.001, "worse"),
    ],
)
def test_margin_that_holds_the_interval_is_part_of_the_verdict(
    low: float, high: float, verdict: str
) -> None:
    assert read_verdict(low, high, margin=0.005) == verdict


def test_every_verdict_belongs_to_one_group() -> None:
    groups = {
        verdict: (is_better(verdict), is_worse(verdict), is_equivalent(verdict))
        for verdict in (
            "better", "better, by less than 1", "worse", "worse, by less than 1",
            "equivalent within 1", "not separable", "no verdict",
        )
    }  # fmt: skip

    assert list(groups.values()) == [
        *[(True, False, False)] * 2,
        *[(False, True, False)] * 2,
        (False, False, True),
        *[(False, False, False)] * 2,
    ]
    assert all(is_separable(v) == (better or worse) for v, (better, worse, _) in groups.items())

"""The frontier of accuracy against latency."""

import math

from reports.analysis.frontier import compare_neighbours, find_frontier
from reports.analysis.study import Study
from tests.reports.conftest import finished_run, record


def test_frontier_holds_the_cells_that_no_cell_beats_in_latency_and_score() -> None:
    latency = {"a": 1.0, "b": 2.0, "c": 3.0, "d": 2.0, "e": math.nan}
    score = {"a": 0.5, "b": 0.7, "c": 0.6, "d": 0.65, "e": 0.9, "f": 0.9}

    assert find_frontier(latency, score) == ["a", "b"]


def test_frontier_holds_twins_but_no_cell_that_leads_by_rounding() -> None:
    latency = {"a": 1.0, "twin": 1.0, "slow": 2.0}
    score = {"a": 0.3, "twin": 0.3, "slow": 0.1 + 0.2}

    assert find_frontier(latency, score) == ["a", "twin"]


def test_neighbours_on_the_frontier_are_compared_as_one_of_all_pairs() -> None:
    runs = [
        finished_run(cell, seed, miou + seed / 1000)
        for cell, miou in (("base", 0.7), ("low", 0.6), ("high", 0.8))
        for seed in range(3)
    ]

    (lead,) = compare_neighbours(Study(record(runs)), ["low", "high"])

    assert lead[:2] == ("high", "low")
    assert lead[2].family == 3
    assert lead[2].difference.mean > 0

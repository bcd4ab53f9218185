"""Results as tables on a terminal."""

import io
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from rich.console import Console

from orchestrator.terminal.result_tables import comparison_table, result_table
from reports.records import ExperimentRecord, RunRecord


def test_table_keeps_its_numbers_at_80_columns() -> None:
    name = "a cell with quite a long name, longer than its column"
    run = RunRecord(
        name, 0, "t", "FINISHED", {}, metrics={"miou": 0.5}, train_seconds=2.5, scored_split="test"
    )
    console = Console(width=80, record=True, file=io.StringIO())

    console.print(result_table(ExperimentRecord("study", "why", name, [name], [run])))

    text = console.export_text()
    assert "study: mIoU on test" in text
    assert "50.00 (1)" in text
    assert "0-00:00:02" in text
    assert "\u2026" not in text  # nothing is cut


def pair(scores: Sequence[float], **changes: object) -> str:
    """Print the comparison of a cell of 40, 42 and 44 points with one of these scores."""
    runs = [
        RunRecord(cell, seed, f"{cell}{seed}", "FINISHED", {}, metrics={"miou": miou})
        for cell, by_seed in (("a", (0.40, 0.42, 0.44)), ("b", scores))
        for seed, miou in enumerate(by_seed)
    ]
    record = ExperimentRecord("study", "why", "a", ["a", "b"], runs, **changes)  # type: ignore[arg-type]
    return printed([record])


def printed(pairs: Sequence[ExperimentRecord]) -> str:
    """Print comparisons, with single spaces."""
    console = Console(width=150, record=True, file=io.StringIO())
    console.print(comparison_table(pairs, "miou"))
    return " ".join(console.export_text().split())


def counted(seeds: int) -> ExperimentRecord:
    """Make a comparison of two cells with per-frame counts."""
    runs = []
    for cell, right in (("a", 50), ("b", 61)):
        for seed in range(seeds):
            hits = right + 3 * np.arange(6) + (np.arange(6) * (right + seed)) % 7
            counts = np.stack([np.stack([hits, 100 - hits], 1), np.stack([100 - hits, hits], 1)], 1)
            scores = {"miou": hits.sum() / (1200 - hits.sum())}
            frames = [f"{sequence}/1" for sequence in "abcdef"]
            run = RunRecord(cell, seed, f"{cell}{seed}", "FINISHED", {}, metrics=scores)
            runs.append(replace(run, frames=frames, classes=["road", "sky"], confusions=counts))
    return ExperimentRecord("study", "why", "a", ["a", "b"], runs)


def test_comparison_counts_the_seeds_that_a_difference_needs() -> None:
    assert "not separable about " in pair((0.41, 0.45, 0.44))
    assert "more seeds" not in pair((0.60, 0.62, 0.641))


def test_comparison_says_why_it_is_interim() -> None:
    text = pair((0.60, 0.62, 0.641), interim="1 of 6 planned trials have not finished")

    assert " interim " in text
    assert "Interim: 1 of 6 planned trials have not finished." in text


def test_comparison_of_one_seed_says_so_in_the_head_of_the_interval() -> None:
    text = printed([counted(1)])

    assert text.count("test set only") == 1
    assert "test set only" in text[: text.index(" no verdict ")].split(" a ")[0]


def test_comparison_marks_the_intervals_of_one_seed_among_others() -> None:
    text = printed([counted(3), counted(1)])

    assert "test set only" not in printed([counted(3)])
    assert text.count("test set only") == 1
    assert text.endswith("test set only")

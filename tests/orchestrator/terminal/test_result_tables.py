"""The results of experiments and comparisons as tables on a terminal."""

import io
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from rich.console import Console

from orchestrator.terminal.result_tables import build_comparison_table, build_result_table
from reports.records import ExperimentRecord, RunRecord


def test_table_keeps_its_numbers_at_80_columns() -> None:
    name = "a cell with a long name that does not fit into its column"
    run = RunRecord(
        name, 0, "t", "FINISHED", {}, metrics={"miou": 0.5}, train_seconds=2.5, scored_split="test"
    )
    console = Console(width=80, record=True, file=io.StringIO())

    console.print(build_result_table(ExperimentRecord("study", "why", name, [name], [run])))

    text = console.export_text()
    assert "study: mIoU on test" in text
    assert "50.00 (1)" in text
    assert "2.5 s" in text
    assert "\u2026" not in text  # nothing is cut


def test_title_of_an_experiment_without_results_says_so() -> None:
    pending = RunRecord("a", 0, "t", "PENDING", {})
    console = Console(width=80, record=True, file=io.StringIO())

    console.print(build_result_table(ExperimentRecord("study", "why", "a", ["a"], [pending])))

    assert "study: mIoU (no results yet)" in console.export_text()


def comparison_text(scores: Sequence[float], **changes: object) -> str:
    """Return the comparison of a cell of 40, 42 and 44 points with a cell of these scores."""
    runs = [
        RunRecord(cell, seed, f"{cell}{seed}", "FINISHED", {}, metrics={"miou": miou})
        for cell, by_seed in (("a", (0.40, 0.42, 0.44)), ("b", scores))
        for seed, miou in enumerate(by_seed)
    ]
    record = ExperimentRecord("study", "why", "a", ["a", "b"], runs, **changes)  # type: ignore[arg-type]
    return print_pairs([record])


def print_pairs(pairs: Sequence[ExperimentRecord]) -> str:
    """Return the printed comparisons, with single spaces."""
    console = Console(width=150, record=True, file=io.StringIO())
    console.print(build_comparison_table(pairs, "miou"))
    return " ".join(console.export_text().split())


def study_with_counts(seeds: int) -> ExperimentRecord:
    """Return a comparison of two cells with per-frame counts."""
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


def test_comparison_shows_how_many_more_seeds_a_difference_needs() -> None:
    assert "not separable about " in comparison_text((0.41, 0.45, 0.44))
    assert "more seeds" not in comparison_text((0.60, 0.62, 0.641))


def test_comparison_names_its_cells_at_80_columns() -> None:
    console = Console(width=80, record=True, file=io.StringIO())

    console.print(build_comparison_table([study_with_counts(3)], "miou"))

    text = console.export_text()
    rows = [line.split()[0] for line in text.splitlines() if "(3)" in line]
    assert rows == ["a", "b"]
    assert "\u2026" not in text  # nothing is cut


def test_interval_of_two_seeds_is_a_dash() -> None:
    """It would be wider than all that it could tell apart."""
    text = print_pairs([study_with_counts(2)])

    assert " to " not in text
    assert "\N{EN DASH} no verdict" in text


def test_comparison_states_why_it_is_interim() -> None:
    text = comparison_text((0.60, 0.62, 0.641), interim="2 of 6 planned trials have not finished")

    assert " interim " in text
    assert "Interim: 2 of 6 planned trials have not finished." in text


def test_comparison_of_one_seed_says_so_in_the_heading_of_the_interval() -> None:
    text = print_pairs([study_with_counts(1)])

    assert text.count("test set only") == 1
    assert "test set only" in text[: text.index(" no verdict ")].split(" a ")[0]


def test_comparison_marks_the_intervals_of_one_seed_among_others() -> None:
    text = print_pairs([study_with_counts(3), study_with_counts(1)])

    assert "test set only" not in print_pairs([study_with_counts(3)])
    assert text.count("test set only") == 1
    assert text.endswith("test set only")

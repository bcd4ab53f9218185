"""The section on the search of settings."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reports.analysis.factors.matching import settings_by_cell
from reports.records import ExperimentRecord, SampleRecord, SearchRecord
from reports.report import build_report, rebuild
from tests.reports.conftest import finished_run, record

pytestmark = pytest.mark.usefixtures("without_figures")


def search(cell: str, scores: Sequence[float | None], **changes: Any) -> SearchRecord:
    """Return a search of rates 1, 2, ... whose best sample is the last one."""
    samples = [
        SampleRecord(number, {"learning_rate": number + 1}, 100, score, score, 1.5)
        for number, score in enumerate(scores)
    ]
    samples[-1] = replace(samples[-1], is_best=True)
    values: dict[str, Any] = {
        "ranges": {"learning_rate": "1 to 3"}, "method": "drawn at random",
        "samples_planned": len(scores), "steps": 100, "first_steps": 100,
    }  # fmt: skip
    return SearchRecord(cell, samples=samples, **{**values, **changes})


def tuned(*searches: SearchRecord, scores: dict[str, float]) -> ExperimentRecord:
    runs = [
        finished_run(cell, seed, miou + seed / 1000)
        for cell, miou in scores.items()
        for seed in range(3)
    ]
    return record(runs, baseline=next(iter(scores)), searches=searches)


def section(made: ExperimentRecord, folder: Path) -> str:
    text = build_report(made, folder, pictures=False).read_text()
    return text[text.index("## Tuning") : text.index("\n## How it was measured")]


TWO = {"a": 0.5, "b": 0.6}


def test_table_says_what_was_found_and_what_it_cost(tmp_path: Path) -> None:
    made = tuned(search("a", [0.3, 0.4]), search("b", [0.5, 0.6]), scores=TWO)

    text = section(made, tmp_path)

    assert "`learning_rate` from 1 to 3" in text
    assert "| a | 2 | 40.00 | 2 | 200 | 3.0 s |" in text
    assert "Budgets differ" not in text
    assert "![expected best score on val" in text


def test_failed_sample_makes_budgets_differ(tmp_path: Path) -> None:
    made = tuned(search("a", [None, 0.4]), search("b", [0.5, 0.6]), scores=TWO)

    text = section(made, tmp_path)

    assert "| 2 (1 failed) |" in text
    assert "**Budgets differ** between cells: a 1 samples with a score, of 100 steps; b 2" in text


def test_best_value_at_the_end_of_its_range_is_warned_of(tmp_path: Path) -> None:
    made = tuned(search("a", [0.3], borders={"learning_rate": "upper"}), scores={"a": 0.5})

    text = section(made, tmp_path)

    assert "| a | 1 (upper end) |" in text
    assert "the best `learning_rate` lies at the upper end of its range" in text


def test_cell_that_was_not_tuned_is_named(tmp_path: Path) -> None:
    made = tuned(search("a", [0.3, 0.4]), scores=TWO)

    assert "**b** was **not tuned** and stands in one table" in section(made, tmp_path)


def test_cells_in_both_forms_are_ranked_in_both(tmp_path: Path) -> None:
    searches = [
        search("a", [0.3, 0.4], common_cell="a common"),
        search("b", [0.3, 0.4], common_cell="b common"),
    ]
    scores = {"a": 0.5, "a common": 0.4, "b": 0.6, "b common": 0.3}

    text = section(tuned(*searches, scores=scores), tmp_path)

    assert "| b | 30.10 ± 0.10 (3) | 60.10 ± 0.10 (3) | +30.00 | 2 | 1 |" in text
    assert "**Tuning changed the ranking**: **a** from 1 to 2 and **b** from 2 to 1." in text
    assert "not tuned" not in text


def test_if_the_search_found_the_common_settings_both_are_the_same_trials(tmp_path: Path) -> None:
    made = tuned(search("a", [0.3, 0.4], common_cell="a common"), scores={"a": 0.5})

    assert "| a | 50.10 ± 0.10 (3) | 50.10 ± 0.10 (3) | +0.00 | 1 | 1 |" in section(made, tmp_path)


def test_report_with_searches_is_rebuilt_byte_for_byte(tmp_path: Path) -> None:
    made = tuned(search("a", [None, 0.4]), search("b", [0.5, 0.6]), scores=TWO)
    first = build_report(made, tmp_path / "first", pictures=False)

    again = rebuild(tmp_path / "first", tmp_path / "again", pictures=False)

    assert again.read_bytes() == first.read_bytes()


def test_what_was_searched_is_no_difference_between_tuned_cells() -> None:
    made = tuned(search("a", [0.3, 0.4]), search("b", [0.5, 0.6]), scores=TWO)

    assert {s["learning_rate"] for s in settings_by_cell(made).values()} == {"tuned"}

"""The section on planned looks."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from reports.analysis.families.rebasing import rebase
from reports.analysis.overview import build_overview
from reports.analysis.study import Study
from reports.records import ExperimentRecord
from reports.text.design.looks import write_looks
from reports.text.page import Page
from reports.text.sections import write_accuracy, write_details
from tests.reports.analysis.planning.test_growing import FAST, growing


def page(record: ExperimentRecord) -> Page:
    study = Study(record, **FAST)
    return Page(study, build_overview(study), Path())


def rows(text: str) -> list[list[str]]:
    lines = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("|")]
    return lines[2:]


@pytest.fixture
def grown() -> ExperimentRecord:
    """A study of which the first look settled one cell, and that ended at the third."""
    return growing({"base": 7, "a": 3, "b": 7, "c": 7}, {"a": 0.1})


@pytest.mark.slow
def test_each_look_names_what_it_settled_and_what_it_left_open(grown: ExperimentRecord) -> None:
    text = write_looks(page(grown))

    first, second, third = rows(text)
    assert first[:3] == ["1 of 4", "3", "12"]
    assert first[4:] == ["a: better", "2 went on"]
    assert second[1:] == ["5", "6", "–", "–", "2 went on"]  # noqa: RUF001
    assert third[:3] == ["3 of 4", "7", "6"]
    assert third[4:] == ["–", "b, c"]  # noqa: RUF001
    assert 95 < float(third[3].removesuffix(" %")) < float(first[3].removesuffix(" %"))


@pytest.mark.slow
def test_looks_are_left_to_the_report_with_the_own_baseline(grown: ExperimentRecord) -> None:
    text = write_looks(page(rebase(grown, "b")))

    assert "by their verdicts against **base**, so see the study's own report" in text
    assert rows(text) == []


@pytest.mark.slow
def test_saving_is_counted_from_a_design_with_all_seeds(grown: ExperimentRecord) -> None:
    text = write_looks(page(grown))

    assert "That made 24 trainings, instead of 40 with 10 seeds for every cell: 40 % saved." in text


@pytest.mark.slow
def test_open_cells_of_a_study_that_ended_early_are_named(grown: ExperimentRecord) -> None:
    text = write_looks(page(grown))
    over = write_looks(page(growing({"base": 10, "a": 10})))

    assert "The study ended before the last look: b, c would get more seeds" in text
    assert "ended before" not in over


@pytest.mark.slow
def test_running_study_says_what_is_final(grown: ExperimentRecord) -> None:
    runs = [replace(run, state="RUNNING") if run.seed == 6 else run for run in grown.runs]
    running = page(replace(grown, runs=runs, interim="3 of 24 planned trials have not finished"))

    assert "24 trainings so far" in write_looks(running)
    assert "ended before" not in write_looks(running)
    assert "**Interim**, with the verdicts of settled cells only: 3 of 24" in write_accuracy(
        running
    )


@pytest.mark.slow
def test_intervals_of_several_looks_have_a_range_of_confidences(grown: ExperimentRecord) -> None:
    assert "each interval holds at 9" in write_accuracy(page(grown))
    assert " to 99." in write_accuracy(page(grown))
    assert "at the look of each cell" in write_details(page(grown))


@pytest.mark.parametrize("changes", [{"looks": ()}, {"looks": (3,), "look": 1}])
def test_study_without_looks_has_no_section(changes: Mapping[str, object]) -> None:
    record = replace(growing({"base": 3, "a": 3}), **changes)  # type: ignore[arg-type]

    assert write_looks(page(record)) == ""

"""The section on what is missing."""

import math
from collections.abc import Iterator, Mapping, Sequence

from reports.records import RunRecord
from reports.text.format import escape, first_names
from reports.text.page import Page

_CONSEQUENCE = "so intervals do not account for the test set"


def write_gaps(page: Page) -> str:
    """List the trials without a result, and what finished trials lack."""
    lines = [
        *_list_unfinished_trials(page),
        *_list_damaged_files(page),
        *_list_incomplete_trials(page),
        *_list_untimed_cells(page),
        *_list_absent_classes(page),
    ]
    return "## What is missing\n\n" + "\n".join(lines) if lines else ""


def _list_unfinished_trials(page: Page) -> Iterator[str]:
    for run in page.record.runs:
        if run.state != "FINISHED":
            message = f", {escape(run.message)}" if run.message else ""
            yield f"- {_trial(run)}: {run.state}{message}"


def _list_damaged_files(page: Page) -> Iterator[str]:
    for run in page.record.finished:
        if run.message:
            yield f"- {_trial(run)}: {escape(run.message)}"


def _list_incomplete_trials(page: Page) -> Iterator[str]:
    """List the trials that lack a file or a score, and the consequences."""
    runs = page.record.finished
    trials_without_counts = [run for run in runs if run.confusions is None]
    gaps = {
        f"no per-frame counts (frames.npz), {_CONSEQUENCE}": trials_without_counts,
        "no curves (curves.csv)": [run for run in runs if not run.curves],
        "score is not a number": [
            run for run in runs if math.isnan(run.metrics.get(page.study.metric, math.nan))
        ],
    }  # fmt: skip
    for gap, trials in gaps.items():
        if trials:
            yield f"- {gap}: {first_names([_trial(run) for run in trials], separator='; ')}"
    if runs and not trials_without_counts and page.study.test_sets is None:
        yield f"- trials were scored on different frames or data, {_CONSEQUENCE}"


def _list_untimed_cells(page: Page) -> Iterator[str]:
    costs = page.record.costs
    cells = [
        escape(cell)
        for cell in page.record.cells
        if page.study.runs(cell) and (cell not in costs or costs[cell].clip is None)
    ]
    if cells and page.record.latency_conditions:
        yield f"- no latency, so missing from the latency plot: {first_names(cells)}"


def _list_absent_classes(page: Page) -> Iterator[str]:
    for name, cells in _cells_by_absent_class(page).items():
        names = first_names([escape(cell) for cell in cells])
        yield f"- class {escape(name)}: neither labelled nor predicted in {names}"


def _cells_by_absent_class(page: Page) -> Mapping[str, Sequence[str]]:
    """Return class -> the cells in which it has no IoU."""
    cells_by_class: dict[str, list[str]] = {}
    for cell in page.record.cells:
        for run in list(page.study.runs(cell).values())[:1]:
            for name in run.classes:
                if math.isnan(run.iou.get(name, math.nan)):
                    cells_by_class.setdefault(name, []).append(cell)
    return cells_by_class


def _trial(run: RunRecord) -> str:
    return f"{escape(run.cell)}, seed {run.seed}"

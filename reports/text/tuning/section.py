"""The section on the search of settings: what was found, what it cost, and what limits it."""

from collections.abc import Callable, Iterator, Sequence

from reports.analysis.tuning.searches import (
    expect_best,
    find_best,
    first_scores,
    list_budgets,
    list_untuned,
    trained_seconds,
    trained_steps,
)
from reports.figures.curves import draw_curves
from reports.records import SearchRecord
from reports.text.format import (
    MISSING,
    duration,
    escape,
    markdown_table,
    number,
    percent,
    setting_value,
    show_figure,
)
from reports.text.page import Page
from reports.text.sentences import bold, join, verb
from reports.text.tuning.common import compare_with_common

_FIGURE = "tuning.svg"


def write_tuning(page: Page) -> str:
    """Write what each search has found and its cost, warnings, and what tuning has changed."""
    searches = page.record.searches
    if not searches:
        return ""
    parts = [
        "## Tuning",
        _describe(searches),
        _table(searches),
        "\n".join(f"- {warning}" for warning in _warn(page)),
        _draw(page),
        compare_with_common(page),
    ]
    return "\n\n".join(part for part in parts if part)


def _describe(searches: Sequence[SearchRecord]) -> str:
    """Say what was searched, and how."""
    first = searches[0]
    ranges = "; ".join(f"`{name}` from {escape(text)}" for name, text in first.ranges.items())
    return (
        f"Each cell was tuned separately: {ranges}. {first.samples_planned} samples each, "
        f"{escape(first.method)}, scored on val, with seeds that the study does not have. The "
        "trials of the study were then trained with the settings of the best sample."
    )


def _table(searches: Sequence[SearchRecord]) -> str:
    columns: dict[str, Callable[[SearchRecord], str]] = {"cell": lambda s: escape(s.cell)}
    for name in searches[0].ranges:
        columns[name] = lambda search, name=name: _found(search, name)  # type: ignore[misc]
    columns |= {
        "best val mIoU, %": _best_score,
        "samples": _count_samples,
        "steps, all samples": lambda search: number(trained_steps(search), 0),
        "training time": lambda search: duration(trained_seconds(search)),
    }
    return markdown_table(searches, columns)


def _found(search: SearchRecord, name: str) -> str:
    best = find_best(search)
    if best is None:
        return MISSING
    value = best.settings.get(name)
    text = f"{value:g}" if isinstance(value, float) else setting_value(value)
    return (
        f"{escape(text)} ({search.borders[name]} end)" if name in search.borders else escape(text)
    )


def _best_score(search: SearchRecord) -> str:
    best = find_best(search)
    return MISSING if best is None or best.score is None else percent(best.score)


def _count_samples(search: SearchRecord) -> str:
    failed = sum(sample.first_score is None for sample in search.samples)
    return f"{len(search.samples)} ({failed} failed)" if failed else str(len(search.samples))


def _warn(page: Page) -> Iterator[str]:
    """List what makes the comparison of tuned cells less than fair."""
    searches = page.record.searches
    budgets = list_budgets(searches)
    if len(set(budgets.values())) > 1:
        texts = [
            f"{escape(cell)} {samples} samples with a score, of {number(steps, 0)} steps"
            for cell, (samples, steps) in budgets.items()
        ]
        yield f"**Budgets differ** between cells: {'; '.join(texts)}."
    for search in searches:
        if all(sample.first_score is None for sample in search.samples):
            yield f"**{escape(search.cell)}** has no settings yet: none of its samples has a score."
        for name, border in search.borders.items():
            yield (
                f"**{escape(search.cell)}**: the best `{name}` lies at the {border} end of its "
                "range, so a better one may lie beyond: widen the range."
            )
    if untuned := list_untuned(page.record):
        names = join([bold(cell) for cell in untuned])
        yield (
            f"{names} {verb(untuned, 'was', 'were')} **not tuned** and "
            f"{verb(untuned, 'stands', 'stand')} in one table with cells that were."
        )


def _draw(page: Page) -> str:
    searches = page.record.searches
    curves = {
        search.cell: [[(n, 100 * v) for n, v in enumerate(expect_best(scores), start=1)]]
        for search in searches
        if (scores := first_scores(search))
    }
    panels = {"expected best val mIoU (%)": curves}
    highlights = [page.record.baseline, *page.frontier]
    if not draw_curves(panels, highlights, page.folder / _FIGURE, x_label="samples"):
        return ""
    steps = sorted({search.first_steps for search in searches})
    early = any(search.first_steps < search.steps for search in searches)
    scope = f" at step {join([number(step, 0) for step in steps])}" if early else ""
    caption = (
        f"The best score on val{scope} that a search with so many samples can be expected to find "
        "(Dodge et al. 2019). Where a line still rises at its end, more samples would find better "
        "settings; where two cross, the better cell depends on the budget."
    )
    if early:
        caption += (
            " At this step, cells that learn fast are ahead: the table has the last scores, which "
            "only the samples have that went on."
        )
    return show_figure(_FIGURE, "expected best score on val against the number of samples", caption)

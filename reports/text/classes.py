"""The section on the IoU of each class."""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from reports.analysis.comparison import Comparison
from reports.analysis.families.classes import compare_classes
from reports.analysis.overview import average_class_iou
from reports.analysis.verdict import is_better, is_separable, is_verdict, is_worse
from reports.figures.class_heat_map import draw_class_heat_map
from reports.text.format import escape, markdown_table, percent, points, show_figure
from reports.text.page import Page
from reports.text.sentences import bold, join

MAX_HEAT_MAP_CELLS = 40
_UNLEARNT = 0.0005  # the table shows less as 0.0
_MAX_NAMES = 20

Differences = Mapping[str, Mapping[str, Comparison]]  # cell -> class -> difference
Row = tuple[str, Mapping[str, float]]  # a cell and the IoU of each class


def write_classes(page: Page) -> str:
    """Write the table, the heat map and the list of classes that differ from the baseline."""
    iou = average_class_iou(page.record)
    names = list(dict.fromkeys(name for row in iou.values() for name in row))
    if not names:
        return ""
    columns: dict[str, Callable[[Row], str]] = {"cell": lambda row: escape(row[0])}
    columns |= {escape(name): partial(_class_iou, name) for name in names}
    differences = compare_classes(page.study)
    parts = [
        "## IoU by class",
        markdown_table(iou.items(), columns),
        " ".join(["IoU in percent, averaged over seeds.", *_name_unlearnt_classes(names, iou)]),
    ]
    if _draw_heat_map(differences, page.folder / "classes.svg"):
        parts.append(
            show_figure(
                "classes.svg",
                "IoU by class, compared with the baseline",
                "Difference in IoU from the baseline, points; bold with an asterisk: separable.",
            )
        )
    return "\n\n".join([*parts, *_describe_separable(differences)])


def _name_unlearnt_classes(
    names: Sequence[str], iou: Mapping[str, Mapping[str, float]]
) -> list[str]:
    """Name the classes that every cell with a score shows as 0.0."""
    values = {
        name: [row[name] for row in iou.values() if not math.isnan(row[name])] for name in names
    }
    unlearnt = [escape(n) for n in names if values[n] and max(values[n]) < _UNLEARNT]
    if not unlearnt:
        return []
    return [f"Unlearnt, at 0.0 in all cells: {join(unlearnt, _MAX_NAMES)}."]


def _class_iou(name: str, row: Row) -> str:
    return percent(row[1][name], 1)


def _draw_heat_map(differences: Differences, path: Path) -> bool:
    cells = list(differences)[:MAX_HEAT_MAP_CELLS]
    names = list(dict.fromkeys(name for cell in cells for name in differences[cell]))
    table = [[differences[cell].get(name) for name in names] for cell in cells]
    values = [[100 * c.difference.mean if c else math.nan for c in row] for row in table]
    separable = [[c is not None and is_separable(c.verdict) for c in row] for row in table]
    return draw_class_heat_map(cells, names, values, separable, path)


def _describe_separable(differences: Differences) -> list[str]:
    """Write one line per cell with a class that is separable from the baseline's."""
    judged_cells = [
        cell
        for cell, row in differences.items()
        if any(is_verdict(comparison.verdict) for comparison in row.values())
    ]
    if not judged_cells:
        return []  # too few seeds, as the summary says
    others = [bold(cell) for cell in differences if cell not in judged_cells]
    note = [f"There is no verdict on the classes of {join(others)}."] if others else []
    lines = [
        f"- {escape(cell)} {' and '.join(parts)}"
        for cell, row in differences.items()
        if (parts := _list_changes(row))
    ]
    if not lines:
        scope = "any judged cell" if others else "any cell"
        return [f"No class is separable from the baseline in {scope}.", *note]
    introduction = "Compared with the baseline, with all classes and cells judged together:"
    return [f"{introduction}\n\n" + "\n".join(lines), *note]


def _list_changes(row: Mapping[str, Comparison]) -> list[str]:
    """List the classes that a cell helps and those that it hurts."""
    parts = []
    for verb, is_match in (("helps", is_better), ("hurts", is_worse)):
        names = [
            f"{escape(name)} ({points(comparison.difference)})"
            for name, comparison in row.items()
            if is_match(comparison.verdict)
        ]
        if names:
            parts.append(f"{verb} {', '.join(names)}")
    return parts

"""The report of an experiment in all its forms: Markdown, HTML, CSV, JSON and TeX in one folder."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from reports.analysis import overview as tables
from reports.analysis.overview import duration, interval, number, signed, spread
from reports.analysis.study import Study
from reports.formats import html
from reports.formats import latex as tex
from reports.formats import results_json as saved
from reports.records import ExperimentRecord
from reports.text.page import FIGURES, PICTURES, Page
from reports.text.sections import SECTIONS


def build_report(
    record: ExperimentRecord, out: Path, pictures: bool = True, sort: str | None = None
) -> Path:
    """Write a report in all its forms, its figures, and what `rebuild` needs, into a folder.

    Args:
        record: the experiment.
        out: the folder; made if need be, files of an earlier report are replaced.
        pictures: show frames of the dataset.
        sort: what the main table is sorted by, see `tables.SORTS`; None: the order of the spec.

    Returns:
        the path of report.md.

    Raises:
        ReportError: if the record holds what cannot be saved.
        ValueError: if the table cannot be sorted by that.
    """
    record = saved.plain(record)
    out.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(out / PICTURES, ignore_errors=True)
    for pattern in FIGURES:
        for figure in out.glob(pattern):
            figure.unlink()
    return _write(record, out, pictures, sort)


def rebuild(folder: Path, out: Path, pictures: bool = True, sort: str | None = None) -> Path:
    """Make a report again from what it left beside itself.

    Markdown, CSV, JSON and TeX are the same to the last byte. Plots are drawn anew; pictures are
    not in the record: they are taken over as they lie in the folder, with the text that shows them.

    Args:
        folder: of a report.
        out: for the new one; may be the same.
        pictures: show frames of the dataset.
        sort: what the main table is sorted by, as for `build_report`.

    Returns:
        the path of the new report.md.

    Raises:
        ReportError: if a file is missing or damaged.
        ValueError: if the table cannot be sorted by that.
    """
    record = saved.load(folder)
    out.mkdir(parents=True, exist_ok=True)
    if not (pictures and out.samefile(folder)):
        shutil.rmtree(out / PICTURES, ignore_errors=True)
        if pictures and (folder / PICTURES).is_dir():
            shutil.copytree(folder / PICTURES, out / PICTURES)
    return _write(record, out, pictures, sort)


def _write(record: ExperimentRecord, out: Path, pictures: bool, sort: str | None) -> Path:
    study = Study(record)
    table = tables.in_order(tables.overview(study), sort)
    page = Page(study, table, out, pictures)
    text = "\n\n".join(part for section in SECTIONS if (part := section(page))) + "\n"
    tables.results(record).to_csv(out / "results.csv", index=False)
    saved.save(record, out)
    (out / "table.tex").write_text(_tex(page), encoding="utf-8")
    (out / "report.html").write_text(html.page(record.name, text, out), encoding="utf-8")
    report = out / "report.md"
    report.write_text(text, encoding="utf-8")
    return report


def _tex(page: Page) -> str:
    """The main table, for a paper."""
    columns: dict[str, Callable[[pd.Series], str]] = {
        "cell": lambda r: r["cell"],
        "mIoU % (seeds)": lambda r: spread(r["mean"], r["std"], r["n"]),
        "points": lambda r: signed(100 * r["delta"]),
        "95 % interval": lambda r: interval(100 * r["low"], 100 * r["high"]),
        "verdict": lambda r: r["verdict"],
        "training time": lambda r: duration(r["train_seconds"]),
        "clip ms": lambda r: number(r["clip_median"], 2),
        "streaming ms": lambda r: number(r["streaming_median"], 2),
        "parameters, M": lambda r: number(r["parameters"] / 1e6, 2),
    }
    rows = [[show(row) for show in columns.values()] for _, row in page.table.iterrows()]
    caption = f"{page.record.name}: differences are from {page.record.baseline}."
    return tex.booktabs(caption, f"tab:{page.record.name}", list(columns), rows)

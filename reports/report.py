"""The report of an experiment in all its forms: Markdown, HTML, CSV, JSON and TeX in one folder."""

import shutil
from pathlib import Path

from reports.analysis.overview import build_overview, build_trial_table
from reports.analysis.study import Study
from reports.formats import html
from reports.formats import latex as tex
from reports.formats import results_json as saved
from reports.records import ExperimentRecord
from reports.text.columns import paper_columns, sort_rows
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
        sort: one of `reports.text.columns.orders()`; None: the order of the spec.

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
    page = Page(study, sort_rows(build_overview(study), sort), out, pictures)
    text = "\n\n".join(part for section in SECTIONS if (part := section(page))) + "\n"
    build_trial_table(record).to_csv(out / "results.csv", index=False)
    saved.save(record, out)
    (out / "table.tex").write_text(_tex(page), encoding="utf-8")
    (out / "report.html").write_text(html.page(record.name, text, out), encoding="utf-8")
    report = out / "report.md"
    report.write_text(text, encoding="utf-8")
    return report


def _tex(page: Page) -> str:
    """The main table, for a paper."""
    columns = paper_columns()
    rows = [[text(row) for text in columns.values()] for row in page.rows]
    caption = f"{page.record.name}: differences are from {page.record.baseline}."
    return tex.booktabs(caption, f"tab:{page.record.name}", list(columns), rows)

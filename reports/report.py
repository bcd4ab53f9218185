"""The report of an experiment in all its formats: Markdown, HTML, CSV, JSON, TeX in one folder."""

import shutil
from pathlib import Path

from reports.analysis.families.rebasing import rebase
from reports.analysis.overview import build_overview, build_trial_table
from reports.analysis.study import Study
from reports.formats import latex, results_json
from reports.formats.arrays import CONFUSIONS, CURVES
from reports.formats.files import RESULTS, ReportError, copy_pictures
from reports.formats.html import render_page
from reports.formats.spreadsheet import as_cell
from reports.records import ExperimentRecord
from reports.text.page import FIGURES, PICTURES, Page
from reports.text.sections import SECTIONS
from reports.text.table.columns import paper_columns, sort_rows

_FILES = (RESULTS, CONFUSIONS, CURVES, "results.csv", "table.tex", "report.html", "report.md")


def build_report(
    record: ExperimentRecord, out: Path, pictures: bool = True, sort: str | None = None
) -> Path:
    """Write a report in all its formats into a folder, with its figures and its records.

    Args:
        record: the experiment.
        out: the folder to write to; created if it does not exist. Files of an earlier report are
            replaced.
        pictures: whether to show frames of the dataset.
        sort: the order of the main table, one of `orders()` in `text.table.columns`; None keeps the
            order of the spec.

    Returns:
        the path of report.md.

    Raises:
        ReportError: if the record cannot be saved.
        ValueError: if there is no such order.
    """
    record = results_json.normalise(record)
    out.mkdir(parents=True, exist_ok=True)
    _remove_links(out)
    shutil.rmtree(out / PICTURES, ignore_errors=True)
    return _write(record, out, pictures, sort)


def rebuild(
    folder: Path,
    out: Path,
    pictures: bool = True,
    sort: str | None = None,
    baseline: str | None = None,
) -> Path:
    """Rebuild a report from the files of its records.

    Markdown, CSV, JSON and TeX come out byte for byte the same. Plots are drawn again; pictures are
    not part of the records, so they are copied with the text that shows them.

    Args:
        folder: the folder of the report.
        out: the folder of the new report; may be the same one.
        pictures: whether to show frames of the dataset.
        sort: the order of the main table, as for `build_report`.
        baseline: the cell to compare with; None keeps that of the spec. The new report then shows
            no frames.

    Returns:
        the path of the new report.md.

    Raises:
        ReportError: if a file is missing or damaged, there is no such cell, or `folder` is among
            the pictures that the new report replaces.
        ValueError: if there is no such order.
    """
    if folder.resolve().is_relative_to((out / PICTURES).resolve()):
        raise ReportError(
            f"{folder} is in {out / PICTURES}, which the new report replaces: choose another folder"
        )
    record = results_json.load(folder)
    if baseline is not None:
        try:
            record, pictures = rebase(record, baseline), False
        except ValueError as error:
            raise ReportError(f"{error}") from None
    out.mkdir(parents=True, exist_ok=True)
    _remove_links(out)
    if not (pictures and out.samefile(folder)):
        shutil.rmtree(out / PICTURES, ignore_errors=True)
        if pictures and (folder / PICTURES).is_dir():
            copy_pictures(folder / PICTURES, out / PICTURES)
    return _write(record, out, pictures, sort)


def _remove_links(out: Path) -> None:
    """Remove links at the places of a report's files, as writing would follow them elsewhere."""
    for name in (*_FILES, PICTURES):
        if (out / name).is_symlink():
            (out / name).unlink()


def _write(record: ExperimentRecord, out: Path, pictures: bool, sort: str | None) -> Path:
    # Saved first, so that the folder of an interrupted report is recognised as one.
    results_json.save(record, out)
    study = Study(record)
    page = Page(study, sort_rows(build_overview(study), sort), out, pictures)
    for pattern in FIGURES:
        for figure in out.glob(pattern):
            figure.unlink()
    text = "\n\n".join(part for section in SECTIONS if (part := section(page))) + "\n"
    table = build_trial_table(record).map(as_cell).rename(columns=as_cell)
    table.to_csv(out / "results.csv", index=False)
    (out / "table.tex").write_text(_paper_table(page), encoding="utf-8")
    (out / "report.html").write_text(render_page(record.name, text, out), encoding="utf-8")
    report = out / "report.md"
    report.write_text(text, encoding="utf-8")
    return report


def _paper_table(page: Page) -> str:
    """Write the main table for a paper."""
    columns = paper_columns(page.rows)
    rows = [[text(row) for text in columns.values()] for row in page.rows]
    record = page.record
    caption, label = f"{record.name}: differences are relative to {record.baseline}", record.name
    if record.own_baseline:
        caption += ", which was chosen as the baseline afterwards"
        label += f"-{record.baseline}"
    return latex.write_table(f"{caption}.", f"tab:{label}", list(columns), rows)

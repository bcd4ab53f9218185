"""The report of an experiment: Markdown, HTML and CSV in one folder."""

import shutil
from pathlib import Path

from reports import html, tables
from reports.comparison import Study
from reports.records import ExperimentRecord
from reports.sections import PICTURES, SECTIONS, Page


def build_report(record: ExperimentRecord, out: Path) -> Path:
    """Write report.md, report.html, results.csv and figures into a folder.

    Args:
        record: the experiment; pictures in its runs are shown.
        out: the folder; made if need be, files of an earlier report are replaced.

    Returns:
        the path of report.md.
    """
    out.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(out / PICTURES, ignore_errors=True)
    tables.results(record).to_csv(out / "results.csv", index=False)
    study = Study(record)
    page = Page(study, tables.overview(study), out)
    text = "\n\n".join(part for section in SECTIONS if (part := section(page))) + "\n"
    report = out / "report.md"
    report.write_text(text, encoding="utf-8")
    (out / "report.html").write_text(html.page(record.name, text, out), encoding="utf-8")
    return report

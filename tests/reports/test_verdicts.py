"""`reports.verdicts`, as its documentation describes it."""

import re
from dataclasses import fields, replace
from pathlib import Path

import pytest

import reports
from reports.analysis.overview import build_overview
from reports.analysis.study import Study
from reports.analysis.verdict_rows import VerdictRow
from reports.records import ExperimentRecord
from reports.report import build_report

DOCS = (Path(__file__).parents[2] / "docs" / "reports.md").read_text()
SECTION = DOCS.split("## Verdicts as data")[1].split("\n## ")[0]


@pytest.mark.slow
def test_documented_example_prints_a_line_per_cell(
    study: ExperimentRecord,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", SECTION, re.DOTALL)
    build_report(study, tmp_path / "runs" / "reports" / "quickstart")
    monkeypatch.chdir(tmp_path)

    exec(example, {})  # the example is ours

    assert capsys.readouterr().out.splitlines() == [
        "base: +0.00 points, baseline, best in 0%",
        "new: +9.00 points, better, best in 100%",
    ]


def test_less_of_a_metric_is_better_where_it_is_declared_so(study: ExperimentRecord) -> None:
    """The numbers keep their sign: 10 points less flicker are -10 points."""
    runs = [
        replace(run, metrics={**run.metrics, "flicker": 1 - run.metrics["miou"]})
        for run in study.runs
    ]
    mirrored = replace(study, runs=runs)

    base, new = reports.verdicts(mirrored, "flicker")

    assert (new.verdict, new.mean) == ("better", pytest.approx(-0.09))
    assert new.high < 0
    assert (base.best_share, new.best_share) == pytest.approx((0, 1), abs=0.01)


def test_every_field_of_a_row_is_documented() -> None:
    rows = re.findall(r"^\| (`.*?) \|", SECTION, re.MULTILINE)
    names = [name for row in rows for name in re.findall(r"`(\w+)`", row)]

    assert names == [field.name for field in fields(VerdictRow)]


def test_main_table_of_the_report_is_made_of_the_same_rows(study: ExperimentRecord) -> None:
    rows = [row.verdict_row for row in build_overview(Study(study))]

    assert list(map(repr, rows)) == list(map(repr, reports.verdicts(study)))  # NaN is unequal

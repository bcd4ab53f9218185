"""The page of findings: its numbers are those of the committed results."""

import functools
import re
from pathlib import Path

import pytest

from reports.analysis.families.rebasing import rebase
from reports.analysis.study import Study
from reports.analysis.verdict_rows import VerdictRow, judge_cells
from reports.formats import results_json

ROOT = Path(__file__).parent.parent
# | claim | first → second | published | difference (interval) | verdict | [name](report) |
_ROW = re.compile(
    r"^\| .* \| (?P<first>[^|]+) → (?P<second>[^|]+) \| [^|]* \| "
    r"(?P<numbers>[-+][^|]+) \| (?P<verdict>[^|]+) \| \[[^|]*\]\(\.\./(?P<report>[^|]+)\) \|$",
    re.MULTILINE,
)
ROWS = [match.groupdict() for match in _ROW.finditer((ROOT / "docs/findings.md").read_text())]


def test_every_claim_has_a_row() -> None:
    table = (ROOT / "docs/findings.md").read_text().partition("## The claims")[2]
    claims = set(re.findall(r"^\| (\d)\. ", table, re.MULTILINE))

    assert claims == set("1234567")
    assert len(ROWS) >= 7


@functools.cache
def judge(report: str, baseline: str) -> dict[str, VerdictRow]:
    """Judge the cells of a committed study against one of them."""
    record = rebase(results_json.load((ROOT / report).parent), baseline)
    return {verdict.cell: verdict for verdict in judge_cells(record)}


@pytest.mark.slow
@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['first']} and {row['second']}")
def test_difference_and_verdict_are_those_of_the_study(row: dict[str, str]) -> None:
    judged = judge(row["report"], row["first"])[row["second"]]

    mean, low, high = (f"{100 * x:+.2f}" for x in (judged.mean, judged.low, judged.high))
    assert row["numbers"] == f"{mean} ({low} to {high})"
    assert row["verdict"] == judged.verdict


@pytest.mark.slow
def test_scores_by_memory_are_those_of_the_study() -> None:
    section = (ROOT / "docs/findings.md").read_text().partition("## Which heads use their memory")
    rows = re.findall(r"^\| (.+) \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \|$", section[2], re.MULTILINE)
    record = results_json.load(ROOT / "experiments/results/heads_and_memory")
    scores = Study(record).scored.means

    assert len(rows) == 8
    for head, *printed in rows:
        cells = [f"{head}, memory {length}" for length in (1, 2, 4)]
        assert printed == [f"{100 * scores[cell]:.2f}" for cell in cells], head


def test_front_page_shows_the_table_of_its_study() -> None:
    readme = (ROOT / "README.md").read_text()
    report = ROOT / "experiments/results/paper_reduced_heads/report.md"

    rows = re.findall(r"^\| (?!cell|:).*(?= \|$)", readme.partition("\n## ")[0], re.MULTILINE)

    lines = report.read_text().splitlines()
    assert len(rows) == 7
    assert [row for row in rows if not any(line.startswith(row) for line in lines)] == []


@pytest.mark.parametrize(
    "study",
    [
        "camvid_quick",
        "paper_reduced_camvid_image_models",
        "paper_reduced_camvid_heads",
        "paper_reduced_camvid_memory_length",
        "paper_reduced_camvid_distillation",
    ],
)
def test_page_on_real_video_shows_the_tables_of_its_studies(study: str) -> None:
    page = (ROOT / "docs/camvid.md").read_text()
    report = (ROOT / "experiments/results" / study / "report.md").read_text()
    table = report.partition("## Accuracy against latency")[2].partition("\n\n![")[0]

    # The columns up to the verdict.
    rows = re.findall(r"^(\|[^|]+\|[^|]+± [^|]+\|[^|]+\|[^|]+\|)", table, re.MULTILINE)

    assert len(rows) >= 3
    assert [row for row in rows if row not in page] == []


@pytest.mark.parametrize(
    ("study", "columns"),
    [("480x360", [0, 1]), ("960x720", [2, 3])],
    ids=["480x360", "960x720"],
)
def test_latencies_on_large_frames_are_those_of_the_study(study: str, columns: list[int]) -> None:
    page = (ROOT / "docs/findings.md").read_text().partition("On larger frames")[2]
    report = (ROOT / f"experiments/results/paper_latency_heads_{study}/report.md").read_text()
    # The ratios to the baseline as a clip and as a stream, in the same places of each row.
    ratios = re.findall(
        r"^\| (\w[^|]+) \| (\d[^|]+\)) \| [\d,.]+ \| (\d[^|]+\)) \|", report, re.MULTILINE
    )
    printed = {
        cell: [cells[column] for column in columns]
        for cell, *cells in re.findall(r"\| ([^|\n]+)" + r" \| (\d[^|]+\))" * 4 + r" \|\n", page)
    }

    assert len(ratios) == 9
    assert {cell: printed[cell] for cell, *_ in ratios} == {cell: r for cell, *r in ratios}

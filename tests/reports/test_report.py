"""Whole reports, in all their formats."""

import math
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from reports.formats import results_json
from reports.records import ExperimentRecord, RunRecord
from reports.report import build_report, rebuild
from tests.reports.conftest import finished_run, record, with_samples


class Page(HTMLParser):
    """The tags, table cells and addresses of a page; its tags must match."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.cells: list[str] = []
        self.addresses: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag != "meta":
            self.open.append(tag)
        if tag in ("td", "th"):
            self.cells.append("")
        self._read_addresses(attrs)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._read_addresses(attrs)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("td", "th", "strong") and self.cells:
            self.cells[-1] += data

    def _read_addresses(self, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]
        self.addresses += [
            address
            for name, value in attrs
            if name == "style"
            for address in re.findall(r"url\((.*?)\)", value or "")
        ]


@pytest.mark.slow
def test_report_consists_of_the_documented_files(study: ExperimentRecord, tmp_path: Path) -> None:
    path = build_report(study, tmp_path / "out")

    assert path == tmp_path / "out" / "report.md"
    assert {p.name for p in path.parent.iterdir()} == {
        "report.md", "report.html", "results.csv", "table.tex", "results.json", "confusions.npz",
        "curves.csv", "accuracy_latency.svg", "accuracy_latency-narrow.svg", "differences.svg",
        "differences-narrow.svg", "classes.svg", "classes-narrow.svg",
    }  # fmt: skip
    assert len(pd.read_csv(path.parent / "results.csv")) == 6


def _mark_drawn_numbers(text: str) -> str:
    """Replace the numbers that depend on draws, if they are right.

    These are the paired t interval +6.52 to +11.48, and shares of 0.2 and 99.8 % of being best.
    """

    def replace_interval(match: re.Match[str]) -> str:
        is_paired_t = [float(end) for end in match.groups()] == pytest.approx(
            [6.52, 11.48], abs=0.3
        )
        return "PAIRED T" if is_paired_t else match[0]

    text = re.sub(r"(\+[\d.]+) to (\+[\d.]+)", replace_interval, text)
    return re.sub(r"(\(baseline\)|new) \| (0\.[1-4]|99\.[6-9]) \|", r"\1 | SHARE |", text)


@pytest.mark.usefixtures("without_figures")
def test_main_table_has_one_row_per_cell_with_all_its_numbers(
    study: ExperimentRecord, tmp_path: Path
) -> None:
    text = _mark_drawn_numbers(build_report(study, tmp_path).read_text())

    assert (
        "| **base** (baseline) | 42.00 ± 2.00 (3) | +0.00 | baseline | 4.00 | 1 min 0 s |" in text
    )
    assert "| new | 51.00 ± 1.00 (3) | +9.00 (PAIRED T) | better | 6.00 | 1 min 30 s |" in text
    assert (
        "| **base** (baseline) | SHARE | 5.00 | 1.00 (1.00 to 1.00) | 2.00 | 2.50 "
        "| 1.00 (1.00 to 1.00) | +0.0 % | 1.00 | 12.5 | 64 | 100 | +0.00 % |"
    ) in text
    assert (
        "| new | SHARE | 7.00 | 1.50 (1.50 to 1.50) | 3.00 | 3.50 "
        "| 1.50 (1.50 to 1.50) | +50.0 % | 2.00 | 12.5 | 64 | 100 | +21.43 % |"
    ) in text
    assert "2 cells; 6 of 6 trials finished." in text
    assert "scored on: test (4 frames)" in text
    assert "rows differ" not in text


@pytest.mark.slow
@pytest.mark.usefixtures("without_figures")
def test_cell_without_pictures_is_named(study: ExperimentRecord, tmp_path: Path) -> None:
    pictured = with_samples(study)
    runs = [*pictured.runs, finished_run("blind", 0, 0.4)]

    text = build_report(record(runs, colours=pictured.colours), tmp_path).read_text()

    assert "No frames for blind: no seed in common with the baseline, or no predictions" in text


@pytest.mark.usefixtures("without_figures")
def test_pictures_name_their_split_classes_and_cells(
    study: ExperimentRecord, tmp_path: Path
) -> None:
    text = build_report(with_samples(study), tmp_path).read_text()

    section = text[text.index("## Pictures") :]
    assert section.count("test split") == 1
    assert "![](pictures/class-1.png)\N{NO-BREAK SPACE}road ![](pictures/class-2.png)" in text
    assert "clip.webp" not in section  # one frame is no clip


@pytest.mark.usefixtures("without_figures")
def test_table_is_sorted_best_first_with_missing_values_last(tmp_path: Path) -> None:
    failed = RunRecord("lost", 0, "x", "FAILED", {})
    runs = [finished_run("a", 0, 0.4), failed, finished_run("b", 0, 0.5), finished_run("c", 0, 0.3)]

    build_report(record(runs), tmp_path / "a", sort="miou")
    text = rebuild(tmp_path / "a", tmp_path / "b", sort="training-time").read_text()

    first = (tmp_path / "a" / "report.md").read_text().split("## Accuracy")[1].split("\n\n")[1]
    second = text.split("## Accuracy")[1].split("\n\n")[1]
    assert re.findall(r"^\| \**(\w+)", first, re.MULTILINE) == ["cell", "b", "a", "c", "lost"]
    assert re.findall(r"^\| \**(\w+)", second, re.MULTILINE) == ["cell", "a", "b", "c", "lost"]


def test_unknown_order_is_refused(study: ExperimentRecord, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"cannot sort by 'beauty' \(choose from cell, miou, "):
        build_report(study, tmp_path, sort="beauty")


@pytest.mark.slow
def test_html_is_a_single_file(study: ExperimentRecord, tmp_path: Path) -> None:
    build_report(with_samples(study), tmp_path)

    page = Page((tmp_path / "report.html").read_text())
    outside = [address for address in page.addresses if not address.startswith("#")]
    assert len(outside) == 7  # five panels, and the colours of two classes
    assert all(address.startswith("data:image/png;base64,") for address in outside)
    assert page.tags.count("svg") == 6  # three figures in two forms
    assert (tmp_path / "pictures" / "1-best-1.png").exists()


@pytest.mark.usefixtures("without_figures")
@pytest.mark.parametrize("name", ["a|b", "<script>x</script>", "$5 & *more*", "a_b_ [c](d)"])
def test_awkward_names_are_printed_unchanged(name: str, tmp_path: Path) -> None:
    runs = [finished_run(name, 0, 0.4), finished_run("plain", 0, 0.5)]

    build_report(record(runs, name="study", description=name), tmp_path)

    page = Page((tmp_path / "report.html").read_text())
    assert f"{name} (baseline)" in page.cells
    assert page.tags.count("script") == 1


@pytest.mark.slow
def test_second_report_replaces_the_first(study: ExperimentRecord, tmp_path: Path) -> None:
    build_report(study, tmp_path)
    first = (tmp_path / "report.md").read_bytes()

    build_report(study, tmp_path)

    assert (tmp_path / "report.md").read_bytes() == first


@pytest.mark.slow
def test_pictures_of_an_earlier_report_are_removed(study: ExperimentRecord, tmp_path: Path) -> None:
    build_report(with_samples(study), tmp_path)
    assert (tmp_path / "pictures").exists()

    build_report(study, tmp_path)

    assert not (tmp_path / "pictures").exists()


@pytest.mark.parametrize("name", ["report.md", "results.csv", "results.json", "pictures"])
@pytest.mark.slow
def test_links_in_the_folder_are_replaced_and_not_followed(
    name: str, study: ExperimentRecord, tmp_path: Path
) -> None:
    folder, elsewhere = tmp_path / "report", tmp_path / "elsewhere"
    folder.mkdir()
    elsewhere.mkdir() if name == "pictures" else elsewhere.write_text("precious")
    (folder / name).symlink_to(elsewhere)

    build_report(with_samples(study), folder)

    assert (folder / name).exists()
    assert not (folder / name).is_symlink()
    assert elsewhere.is_dir() or elsewhere.read_text() == "precious"
    assert not list(tmp_path.glob("elsewhere/*"))


def test_interrupted_report_can_be_recognised(
    study: ExperimentRecord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("reports.report.sort_rows", interrupt)
    with pytest.raises(KeyboardInterrupt):
        build_report(study, tmp_path)

    assert results_json.load(tmp_path).name == study.name


REBUILT_FILES = (
    "report.md",
    "results.csv",
    "results.json",
    "table.tex",
    "confusions.npz",
    "curves.csv",
)


def contents(folder: Path) -> dict[str, bytes]:
    """Return the files that come out byte for byte the same when a report is rebuilt."""
    return {name: (folder / name).read_bytes() for name in REBUILT_FILES}


@pytest.fixture
def awkward_study(study: ExperimentRecord) -> ExperimentRecord:
    """Return a study with pictures, gaps, awkward names and numbers that JSON cannot express."""
    confusions = np.arange(2 * 4, dtype=np.int64).reshape(2, 2, 2)
    counts = {"frames": ["s/1", "s/2"], "classes": ["road", "sky"], "confusions": confusions}
    pictured = with_samples(study)
    runs = [
        *pictured.runs,
        finished_run(
            "a|b <c> $d$ größe ∞", 0, 0.41, **counts, curves={"val/miou": [(1, 0.1 + 0.2)]}
        ),
        finished_run("tuple", 0, np.float64(0.42), settings={"bins": (1, 3), "steps": np.int64(7)}),
        finished_run("nan", 0, math.nan, train_seconds=None, iou={"road": math.nan}),
        RunRecord("lost", 0, "x", "FAILED", {}, message="no file a\udc80b"),
    ]  # fmt: skip
    return record(
        runs, source="name: a\n", description="Does $x < y$ | z?", colours=pictured.colours
    )


@pytest.mark.slow
def test_rebuilt_report_is_the_same(awkward_study: ExperimentRecord, tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    build_report(awkward_study, first)

    path = rebuild(first, second)

    assert path == second / "report.md"
    assert contents(second) == contents(first)
    assert (second / "report.html").exists()
    assert {p.name for p in (second / "pictures").iterdir()} == {
        *(f"1-best-{panel}.png" for panel in range(1, 6)),
        "class-1.png", "class-2.png", "section.md",
    }  # fmt: skip


@pytest.mark.slow
def test_report_rebuilt_in_its_own_folder_is_the_same(
    awkward_study: ExperimentRecord, tmp_path: Path
) -> None:
    build_report(awkward_study, tmp_path)
    built = contents(tmp_path)

    rebuild(tmp_path, tmp_path)

    assert contents(tmp_path) == built
    assert (tmp_path / "pictures" / "1-best-1.png").exists()


@pytest.mark.slow
def test_report_against_another_baseline_can_be_rebuilt(
    awkward_study: ExperimentRecord, tmp_path: Path
) -> None:
    """It shows no frames, as those that exist compare with the first baseline."""
    folders = first, other, again = [tmp_path / name for name in "abc"]
    build_report(awkward_study, first)
    baseline = awkward_study.cells[1]

    text = rebuild(first, other, baseline=baseline).read_text()
    rebuild(other, again)

    assert contents(again) == contents(other)
    assert f"compares with **{baseline}**" in text
    assert [(folder / "pictures").exists() for folder in folders] == [True, False, False]


@pytest.mark.slow
def test_report_rebuilt_without_pictures_has_none(
    awkward_study: ExperimentRecord, tmp_path: Path
) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    build_report(awkward_study, first)
    assert "## Pictures" in (first / "report.md").read_text()

    text = rebuild(first, second, pictures=False).read_text()

    assert "## Pictures" not in text
    assert not (second / "pictures").exists()


@pytest.mark.slow
@pytest.mark.usefixtures("without_figures")
def test_report_built_without_pictures_has_none(
    awkward_study: ExperimentRecord, tmp_path: Path
) -> None:
    text = build_report(awkward_study, tmp_path, pictures=False).read_text()

    assert "## Pictures" not in text
    assert not (tmp_path / "pictures").exists()


@pytest.mark.usefixtures("without_figures")
def test_table_for_a_paper_has_one_row_per_cell(study: ExperimentRecord, tmp_path: Path) -> None:
    build_report(study, tmp_path)

    table = _mark_drawn_numbers((tmp_path / "table.tex").read_text())
    assert (
        "base & 42.00 $\\pm$ 2.00 (3) & +0.00 & \N{EN DASH} & baseline & 1 min 0 s & 4.00" in table
    )
    assert "new & 51.00 $\\pm$ 1.00 (3) & +9.00 & PAIRED T & better & 1 min 30 s" in table
    assert "\\label{tab:study}" in table

"""Texts of strangers in reports: shown as they read, and nothing else."""

import csv
import re
from collections.abc import Sequence
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.formats import results_json
from reports.formats.html import render_page
from reports.formats.latex import write_table
from reports.formats.spreadsheet import as_cell, guard, unguard
from reports.records import ExperimentRecord
from reports.report import build_report, rebuild
from reports.text.format import escape, markdown_table
from tests.examples import examples
from tests.reports.conftest import ENVIRONMENT, cost, finished_run, record

HOSTILE = (
    "<script>alert(1)</script>",
    "</td></table><img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "[a](javascript:alert(1))",
    "![a](http://evil.example/x.png)",
    "<http://evil.example>",
    "&lt;b&gt; &#60;i&#62;",
    "# heading",
    "> quotation",
    "1. list",
    "| a | b |",
    "`code` **bold** _em_ ~~gone~~",
    "=HYPERLINK(1)",
    "-2+3+cmd|' /C calc'!A0",
    "@SUM(1+1)",
    "\x1b[31mred\x1b]0;title\x07",
    "right\u202eleft",
    "\\input{/etc/passwd}",
    "$\\write18{ls}$ %",
)
PIECES = st.lists(
    st.sampled_from([*HOSTILE, "```", "`", "<", ">", "&", "\\", "\n\n", "[", "](", "!", "a", " "])
    | st.text(max_size=5),
    max_size=6,
).map("".join)  # fmt: skip


class Structure(HTMLParser):
    """The elements of a page with the names of their attributes, and where they lead."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: set[tuple[str, tuple[str, ...]]] = set()
        self.targets: set[str] = set()
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        self.elements.add((tag, tuple(sorted(name for name, _ in attrs))))
        self.targets |= {value or "" for name, value in attrs if name in ("href", "src")}


def make_record(texts: Sequence[str]) -> ExperimentRecord:
    """Make an experiment whose names, settings and messages are these texts."""

    def text(number: int) -> str:
        return texts[number % len(texts)]

    cells, classes = [f"{text(n)} {n}" for n in range(4)], [text(4), text(5)]
    runs = [
        finished_run(
            cell, seed, 0.4 + 0.01 * seed + 0.02 * number,
            settings={"dataset": text(6), "head": text(7 + number), "steps": 10, "seed": seed},
            iou=dict.fromkeys(classes, 0.5),
            classes=classes,
            frames=[text(11), text(12) + "/2"],
            confusions=np.full((2, 2, 2), 5 + seed, dtype=np.int64),
            environment=ENVIRONMENT | {"device": text(13), "torch": text(14)},
            curves={"train/loss": [(1, 0.5)], text(15): [(1, 0.1)]},
        )
        for number, cell in enumerate(cells[:3])
        for seed in range(3)
    ]  # fmt: skip
    lost = replace(runs[0], cell=cells[3], trial_id="lost", state="FAILED", message=text(16))
    source = f"name: x\n{text(0)}\n`````\n# x"
    return record(
        [*runs, lost], name=text(17), description=text(18), source=source,
        command=f"vss-orch submit {text(3)}", interim=text(2),
        costs={cell: cost(4.0) for cell in cells[:3]}, uncompared={text(4): text(5)},
    )  # fmt: skip


@pytest.fixture(scope="module")
def hostile_report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hostile")
    build_report(make_record(HOSTILE), folder)
    return folder


@pytest.mark.slow
def test_page_has_only_elements_that_its_template_writes(
    hostile_report: Path, tmp_path: Path
) -> None:
    build_report(make_record([f"name{n}" for n in range(len(HOSTILE))]), tmp_path)
    ordinary = Structure((tmp_path / "report.html").read_text())

    hostile = Structure((hostile_report / "report.html").read_text())

    assert hostile.elements - ordinary.elements == set()
    assert [t for t in hostile.targets if not t.startswith(("#", "data:image/"))] == []


@pytest.mark.slow
def test_files_have_no_control_characters(hostile_report: Path) -> None:
    for name in ("report.md", "report.html", "results.csv", "table.tex"):
        text = (hostile_report / name).read_text()
        assert set(re.findall(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", text)) == set(), name


@pytest.mark.slow
def test_no_cell_of_the_table_is_a_formula(hostile_report: Path) -> None:
    with (hostile_report / "results.csv").open(newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]

    assert any(cell.startswith("'-2+3+cmd") for cell in cells)
    assert [
        c for c in cells if c[:1] in "=+-@\t\r" and c and not re.fullmatch(r"[-+\d.e]+", c)
    ] == []


@pytest.mark.slow
def test_hostile_report_is_rebuilt_byte_for_byte(hostile_report: Path, tmp_path: Path) -> None:
    rebuild(hostile_report, tmp_path)

    for name in ("report.md", "results.csv", "curves.csv", "results.json", "table.tex"):
        assert (tmp_path / name).read_bytes() == (hostile_report / name).read_bytes(), name
    assert results_json.load(tmp_path) is not None


@pytest.mark.slow
@examples()
@given(PIECES, PIECES)
def test_escaped_text_makes_no_element(a: str, b: str) -> None:
    """In a paragraph, an item, a heading, an emphasis, a caption and a cell."""

    def page(first: str, second: str) -> Structure:
        first, second = escape(first), escape(second)
        table = markdown_table([second], {first or "x": lambda row: f"{row} y"})
        text = f"## z {first}\n\n{first} w\n\n- {second} v\n\n**u {first}** t\n\n{table}\n"
        return Structure(render_page(a, text, Path("none")))

    assert page(a, b).elements <= page("word", "another").elements | {
        ("td", ("data-label", "data-number", "style")),
        ("td", ("data-label", "data-missing", "style")),
    }


@examples()
@given(st.text())
def test_cell_of_a_csv_file_is_text_and_comes_back(text: str) -> None:
    assert unguard(guard(text)) == text
    assert not re.match(r"[=@\t\r]", as_cell(text))


@pytest.mark.parametrize(
    ("value", "cell"),
    [("-0.5", "-0.5"), ("+1e5", "+1e5"), (-0.5, -0.5), ("-a", "'-a"), ("a\x1b[0m", "a?[0m")],
)
def test_numbers_stay_numbers(value: object, cell: object) -> None:
    assert as_cell(value) == cell


@pytest.mark.slow
@examples()
@given(PIECES)
def test_tex_has_no_command_from_a_text(text: str) -> None:
    table = write_table("c", "l", ["a"], [[text]])

    row = table.split("\\midrule\n")[1].split(" \\\\\n\\bottomrule")[0]
    commands = set(re.findall(r"\\([A-Za-z]+)", row))
    assert not commands & {"input", "write", "include", "csname", "def"}
    assert "%" not in row.replace("\\%", "")

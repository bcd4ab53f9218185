"""Figures as parts of a page."""

import re
from pathlib import Path

import pytest

from reports.figures.palette import ACCENT, INK
from reports.figures.style import drawings
from reports.figures.svg import embed

NAME = '<b>#1d4ed8 & "quoted" id="x" $a$'


@pytest.fixture
def figure(tmp_path: Path) -> str:
    """Draw a line and a mark whose name looks like markup."""
    for drawing in drawings(tmp_path / "plot.svg", 2):
        axes = drawing.figure.subplots()
        axes.plot([0, 1], color=ACCENT)
        (mark,) = axes.plot(1, 1, "o", color=ACCENT)
        drawing.add_title(mark, NAME)
        axes.set_xlabel(NAME)
    return (tmp_path / "plot.svg").read_text("utf-8")


def test_figure_has_a_form_for_screens_and_one_for_phones(figure: str, tmp_path: Path) -> None:
    assert {path.name for path in tmp_path.iterdir()} == {"plot.svg", "plot-narrow.svg"}


@pytest.mark.slow
def test_text_is_text_in_the_font_of_the_page(figure: str) -> None:
    assert "<text" in figure
    assert "DejaVu" not in figure
    assert re.search(r'style="font-size: [\d.]+px', figure)


@pytest.mark.slow
def test_colours_follow_the_page_and_not_the_names(figure: str) -> None:
    drawn = figure.partition("</style>")[2]

    assert "stroke: var(--accent)" in drawn
    assert "fill: var(--ink)" in drawn
    assert INK not in drawn
    assert "&lt;b&gt;#1d4ed8 &amp; " in drawn


@pytest.mark.slow
def test_ids_begin_with_the_name_of_the_figure(figure: str) -> None:
    ids = re.findall(r'<[^>]* id="([^"]*)"', figure)

    assert ids
    assert all(id.startswith("plot-") for id in ids)
    assert {*re.findall(r'<[^>]*(?:href="|url\()#([^")]+)', figure)} == {*ids}


@pytest.mark.slow
def test_numbers_have_no_digits_that_nobody_sees(figure: str) -> None:
    tags = "".join(re.findall("<[^>]*>", figure.partition("</style>")[2]))

    assert re.search(r"\.\d\d\b", tags)
    assert not re.search(r"\.\d\d\d", tags)
    paths = re.findall(' d="([^"]*)"', tags)
    assert any(re.fullmatch(r"M[\d.]+ [\d.]+L[\d.]+ [\d.]+", path) for path in paths)
    assert not re.search(r"\.\d\d|\s[A-Za-z]|[A-Za-z]\s", "".join(paths))


@pytest.mark.slow
def test_mark_has_a_title(figure: str) -> None:
    (title,) = re.findall('<g class="tip"><title>(.*?)</title>', figure)

    assert title.startswith("&lt;b&gt;#1d4ed8 &amp; ")


@pytest.mark.slow
def test_embedded_figure_leaves_the_style_to_the_page(figure: str) -> None:
    element = embed(figure, "a &lt; b")

    assert element.startswith('<svg role="img" aria-label="a &lt; b" class="plot"')
    assert "<style" not in element
    assert "http" not in element

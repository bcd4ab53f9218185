"""The page of a report in a real browser: it fits on screens and phones, in light and in dark.

The browser is the system's Chromium; without it, these tests are skipped.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reports.formats.index_page import Card, write_index
from reports.report import build_report
from tests.browser import PATIENCE, WIDTHS, open_browser
from tests.reports.conftest import cost, finished_run, record, with_samples

pytestmark = pytest.mark.slow

CELLS = ("base", "new", "a cell with a rather long name, memory_length=4 share_slots=true")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Start Chromium."""
    with open_browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the report of three cells and eleven classes, with curves and pictures."""
    names = [f"class {number}" for number in range(11)]
    runs = [
        finished_run(
            cell, seed, 0.4 + 0.02 * number + 0.01 * seed,
            iou=dict.fromkeys(names, 0.3 + 0.01 * number),
            curves={"train/loss": [(step, 1 / step) for step in range(1, 20)]},
        )
        for number, cell in enumerate(CELLS)
        for seed in range(3)
    ]  # fmt: skip
    costs = {cell: cost(4.0 + number) for number, cell in enumerate(CELLS)}
    study = with_samples(record(runs, costs=costs, source="name: study\n# " + "x" * 300))
    folder = tmp_path_factory.mktemp("report")
    build_report(replace(study, description="A question, " * 30), folder)
    return folder


@pytest.fixture(scope="module")
def address(folder: Path) -> str:
    """Return the address of the report."""
    return (folder / "report.html").as_uri()


@pytest.fixture(params=["light", "dark"])
def scheme(request: pytest.FixtureRequest) -> str:
    """Return a colour scheme."""
    return str(request.param)


@pytest.fixture(params=WIDTHS)
def page(request: pytest.FixtureRequest, browser: Any, address: str, scheme: str) -> Iterator[Any]:
    """Open the report, with everything unfolded."""
    viewport = {"width": WIDTHS[request.param], "height": 900}
    page = browser.new_page(viewport=viewport, color_scheme=scheme)
    page.set_default_timeout(PATIENCE)
    faults: list[str] = []
    page.on("console", lambda message: faults.append(message.text))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(address)
    page.evaluate("document.querySelectorAll('details').forEach((each) => (each.open = true))")
    yield page
    page.close()
    assert faults == []


def test_page_fits_its_figures_and_main_table_too(page: Any) -> None:
    excess = "(element) => element.scrollWidth - element.clientWidth"

    assert page.evaluate(f"({excess})(document.documentElement)") == 0
    assert page.locator(".table").first.evaluate(excess) == 0
    for figure in page.locator(".figure:visible").all():
        assert figure.evaluate(excess) == 0


def test_panels_of_a_frame_stand_in_one_row_or_two_by_two(page: Any) -> None:
    rows = "(panels) => new Set(panels.map((each) => each.getBoundingClientRect().top)).size"

    row_count = page.locator("p:has(> .panel)").first.locator(".panel").evaluate_all(rows)

    assert row_count == (1 if page.viewport_size["width"] > 1000 else 3)


def test_one_form_of_each_figure_is_shown_in_the_colours_of_the_page(
    page: Any, scheme: str
) -> None:
    forms = ["screen", "phone"]
    widths = [page.locator(f".figure.{form}:visible").count() for form in forms]
    text = page.locator(".figure:visible text").first
    lightness = text.evaluate("(element) => getComputedStyle(element).fill.match(/\\d+/g)")
    font = "(element) => getComputedStyle(element).fontFamily"

    assert sorted(widths) == [0, 4]
    assert (np.mean([int(part) for part in lightness]) > 128) == (scheme == "dark")
    assert text.evaluate(font) == page.locator("body").evaluate(font)


def test_numbers_of_a_mark_are_shown_near_it(page: Any) -> None:
    page.locator(".figure:visible .tip").first.hover()

    page.locator(".bubble:visible").wait_for()
    assert "% mIoU at" in page.locator(".bubble").inner_text()


def test_first_click_on_a_heading_puts_the_best_value_on_top(page: Any) -> None:
    table = page.locator("table").first
    for heading, order in (("mIoU", "descending"), ("clip latency, ms", "ascending")):
        column = table.locator("th", has_text=heading).first

        column.locator("button").dispatch_event("click")  # phones show no headings

        assert column.get_attribute("aria-sort") == order


def test_everything_is_there_without_scripts(browser: Any, address: str) -> None:
    page = browser.new_page(java_script_enabled=False)
    page.set_default_timeout(PATIENCE)
    page.goto(address)

    page.get_by_text("More columns").click()

    assert page.get_by_text("clip latency, ratio").is_visible()
    titles = page.locator(".figure:visible .tip title")
    assert "base: 41.00 % mIoU at 4.00 ms" in "".join(titles.all_text_contents())
    page.close()


@pytest.mark.parametrize("width", WIDTHS.values())
def test_page_of_all_experiments_fits(browser: Any, folder: Path, width: int) -> None:
    card = Card("a study with a rather long name_" * 3, "Why? " * 40, "9 of 9", "today", folder)
    write_index([card] * 3, folder.parent / "index.html")
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.set_default_timeout(PATIENCE)

    page.goto((folder.parent / "index.html").as_uri())

    root = "document.documentElement"
    assert page.evaluate(f"{root}.scrollWidth - {root}.clientWidth") == 0
    page.get_by_role("link").first.click()
    assert page.title() == "study"
    page.close()

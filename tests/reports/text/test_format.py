"""Numbers, names and tables as Markdown text."""

import math

import pytest
from markdown_it import MarkdownIt

from reports.text.format import (
    MISSING,
    duration,
    escape,
    first_names,
    interval,
    markdown_table,
    number,
    percent,
    setting_value,
    signed,
    spread,
    with_unit,
)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0.0 s"),
        (2.54, "2.5 s"),
        (23.4, "23 s"),
        (59.6, "1 min 0 s"),
        (3_661.0, "1 h 1 min"),
        (52_953.0, "14 h 42 min"),
        (86_399.6, "1 d 0 h"),
        (120 * 86_400.0, "120 d 0 h"),
        (math.nan, MISSING),
    ],
)
def test_duration_has_at_most_two_units(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_spread_includes_the_number_of_seeds() -> None:
    assert spread(0.5123, 0.0045, 3) == "51.23 ± 0.45 (3)"
    assert spread(0.5123, math.nan, 1) == "51.23 (1)"
    assert spread(math.nan, math.nan, 0) == MISSING


def test_numbers_are_formatted_and_missing_ones_become_dashes() -> None:
    assert percent(0.7541) == "75.41"
    assert signed(1.018) == "+1.02"
    assert signed(-0.166, 1, " %") == "-0.2 %"
    assert number(12_345.67) == "12,345.7"
    assert {percent(math.nan), signed(math.nan), number(math.nan)} == {MISSING}


def test_interval_has_both_signs_or_is_a_dash() -> None:
    assert interval(-0.123, 4.567) == "-0.12 to +4.57"
    assert interval(math.nan, math.nan) == MISSING


@pytest.mark.parametrize(
    ("value", "text"), [(None, "not set"), (True, "true"), (4, "4"), ([1, 2], "[1, 2]")]
)
def test_setting_values_look_as_in_a_spec(value: object, text: str) -> None:
    assert setting_value(value) == text


def test_long_lists_of_names_are_shortened() -> None:
    assert first_names(["a", "b"], limit=2) == "a, b"
    assert first_names(["a", "b", "c", "d"], limit=2, separator="; ") == "a; b and 2 more"


AWKWARD_NAMES = [
    "a|b", "a < b & c", "$x$", "*bold*", "_under_ snake_case", "[a](b)", "`tick`", "~~gone~~",
    "back\\slash", "<b>tag</b>", "two\nlines", "![p](q.png)", "ümläut ± 4",
]  # fmt: skip


@pytest.mark.parametrize("name", AWKWARD_NAMES)
def test_any_name_survives_markdown_unchanged(name: str) -> None:
    text = markdown_table([name], {"cell": escape, "length": lambda name: str(len(name))})

    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)

    cells = [t for t in tokens if t.type == "inline"]
    assert len(cells) == 4
    children = cells[2].children or []
    assert {child.type for child in children} <= {"text", "text_special"}
    assert "".join(child.content for child in children) == " ".join(name.split())


def test_control_characters_do_not_hide_the_start_of_a_line() -> None:
    assert escape("\x08\n\n# no heading") == r"\# no heading"
    assert escape("a \x1b b") == "a b"


def test_snake_case_needs_no_escape() -> None:
    assert escape("head=tma memory_length=4") == "head=tma memory_length=4"


def test_end_of_an_interval_is_never_rounded_to_zero() -> None:
    """Otherwise it would contradict its verdict."""
    assert interval(0.0012, 3.5) == "+0.001 to +3.500"
    assert interval(0.0, 3.5) == "+0.00 to +3.50"


def test_a_number_rounded_to_zero_has_no_minus() -> None:
    assert signed(-0.001) == "+0.00"


def test_a_margin_of_one_is_singular() -> None:
    assert with_unit("equivalent within 1") == "equivalent within 1 point"
    assert with_unit("equivalent within 0.5") == "equivalent within 0.5 points"

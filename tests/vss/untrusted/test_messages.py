"""Excerpts of what a stranger wrote."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from tests.hostile import odd_values
from vss.untrusted.messages import cut, excerpt, excerpt_name, list_briefly, one_line


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("many", "'many'"),
        (10**20, "100000000000000000000"),
        (10**50, "a number of about 50 digits"),
        ("\x1b[31m", r"'\x1b[31m'"),
        ([[[[1]]]], "[[[...]]]"),
        (None, "null"),
        (True, "true"),
        (list(range(1000)), "[0, 1, 2, 3, ...]"),
    ],
)
def test_value_is_shown_in_a_few_words(value: object, text: str) -> None:
    assert excerpt(value) == text


@pytest.mark.slow
@examples()
@given(value=odd_values)
def test_excerpts_are_short_and_printable(value: object) -> None:
    for text in (excerpt(value), excerpt_name(value)):
        assert text.isprintable()
        assert len(text) <= 80


@examples()
@given(text=st.text())
def test_message_becomes_one_printable_line(text: str) -> None:
    line = one_line(text * 20, 100)

    assert line.isprintable()
    assert len(line) <= 100


def test_cut_keeps_both_ends() -> None:
    assert cut("abcdefghijklmnopqrstuvwxyz", 12) == "abcde...wxyz"


def test_long_lists_end_in_a_count() -> None:
    assert list_briefly(["a", "b"]) == "a, b"
    assert list_briefly(range(100), most=3) == "0, 1, 2 and 97 more"
    assert list_briefly(["x" * 100] * 9).endswith(" and 6 more")

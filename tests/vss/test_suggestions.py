"""Messages about unknown names."""

import pytest

from vss.suggestions import require_known

HEADS = {"tma": 1, "psp": 2, "fcn": 3}


def test_known_name_is_returned() -> None:
    assert require_known("head", "psp", HEADS) == "psp"


def test_message_about_an_unknown_name_suggests_the_closest_and_lists_all() -> None:
    with pytest.raises(
        ValueError,
        match=r"unknown head 'tam': did you mean 'tma'\? \(choose from fcn, psp, tma\)",
    ):
        require_known("head", "tam", HEADS)


def test_unknown_name_without_a_close_one_gets_no_suggestion() -> None:
    with pytest.raises(ValueError, match=r"unknown head 'xxxxxx' \(choose from ") as error:
        require_known("head", "xxxxxx", HEADS)

    assert "did you mean" not in str(error.value)

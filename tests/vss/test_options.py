"""Options that belong to individual choices."""

from vss.options import ALL_OPTIONS, find_setting, list_choices_with, list_implied_options


def test_choices_that_have_an_option_are_listed() -> None:
    assert list_choices_with("momentum") == "optimizer sgd"


def test_every_option_belongs_to_a_setting() -> None:
    assert {option: find_setting(option) for option in ALL_OPTIONS}["momentum"] == "optimizer"


def test_options_with_the_default_of_their_choice_are_implied() -> None:
    settings = {"head": "tma", "share_slots": True, "projection": "1x1+3x3", "optimizer": "sgd"}

    assert list_implied_options({**settings, "momentum": 0.9}) == ["projection", "momentum"]
    assert list_implied_options({"head": "unknown"}) == []

"""Options that belong to individual choices."""

from vss.options import ALL_OPTIONS, implied_options, list_takers, setting_of


def test_choices_that_have_an_option_are_listed() -> None:
    assert list_takers("momentum") == "optimizer sgd"


def test_every_option_belongs_to_a_setting() -> None:
    assert {option: setting_of(option) for option in ALL_OPTIONS}["momentum"] == "optimizer"


def test_options_with_the_default_of_their_choice_are_implied() -> None:
    settings = {"head": "tma", "share_slots": True, "projection": "1x1+3x3", "optimizer": "sgd"}

    assert implied_options({**settings, "momentum": 0.9}) == ["projection", "momentum"]
    assert implied_options({"head": "unknown"}) == []

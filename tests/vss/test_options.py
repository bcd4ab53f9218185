"""Options that belong to individual choices."""

from vss.options import (
    ALL_OPTIONS,
    find_setting,
    list_choices_with,
    list_implied_options,
    list_varying_settings,
)


def test_choices_that_have_an_option_are_listed() -> None:
    assert list_choices_with("momentum") == "optimizer sgd"


def test_every_option_belongs_to_a_setting() -> None:
    assert {option: find_setting(option) for option in ALL_OPTIONS}["momentum"] == "optimizer"


def test_options_with_the_default_of_their_choice_are_implied() -> None:
    settings = {"head": "tma", "share_slots": True, "projection": "1x1+3x3", "optimizer": "sgd"}

    assert list_implied_options({**settings, "momentum": 0.9}) == ["projection", "momentum"]
    assert list_implied_options({"head": "unknown"}) == []


def test_options_vary_only_if_a_trial_states_another_value() -> None:
    image = {"head": "fcn", "memory_length": 0, "seed": 0}
    memory = {"head": "tma", "memory_length": 1, "share_slots": False, "seed": 1}

    assert list_varying_settings([image, memory]) == ["head", "memory_length"]
    assert list_varying_settings([image, {**memory, "share_slots": True}]) == [
        "head", "memory_length", "share_slots",
    ]  # fmt: skip
    assert list_varying_settings([image]) == []

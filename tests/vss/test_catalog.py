"""The tables of names."""

import pytest
import torch

from vss import catalog
from vss.trial_config import TrialConfig


def test_unknown_name_is_answered_with_the_closest_and_all_known() -> None:
    with pytest.raises(
        ValueError, match=r"unknown head 'tam'; did you mean 'tma'\?; known: afnb_tma, "
    ):
        catalog.require("head", "tam", catalog.HEADS)


def test_unknown_name_without_a_close_one_gets_no_guess() -> None:
    with pytest.raises(ValueError, match="unknown head 'xxxxxx'; known: ") as error:
        catalog.require("head", "xxxxxx", catalog.HEADS)

    assert "did you mean" not in str(error.value)


@pytest.mark.parametrize("table", [catalog.BACKBONES, catalog.HEADS])
def test_every_row_names_something_that_exists(table: dict[str, catalog.Backbone]) -> None:
    for row in table.values():
        assert callable(catalog.resolve(row.build))


def test_every_dataset_row_names_something_that_exists() -> None:
    for row in catalog.DATASETS.values():
        assert callable(catalog.resolve(row.load))


def test_every_option_is_a_setting() -> None:
    options = {
        option
        for table in catalog.CHOICES.values()
        for choice in table.values()
        for option in choice.options
    }

    assert options <= set(TrialConfig.model_fields)


@pytest.mark.parametrize("name", catalog.HEADS)
def test_a_head_takes_just_the_options_of_its_row(name: str) -> None:
    row = catalog.HEADS[name]
    arguments = {
        "channels": (8, 16), "num_classes": 3, "head_channels": 16, "dropout": 0.0, **row.fixed,
        **row.options, **({"memory_slots": 1} if row.uses_memory else {}),
    }  # fmt: skip
    build = catalog.resolve(row.build)

    with torch.device("meta"):
        build(**arguments)
        with pytest.raises(TypeError, match="unexpected keyword argument"):
            build(**arguments, something_else=1)


def test_option_says_who_takes_it() -> None:
    assert catalog.takers("momentum") == "optimizer sgd"


def test_options_with_the_default_of_their_head_are_implied() -> None:
    settings = {"head": "tma", "share_slots": True, "projection": "1x1+3x3", "optimizer": "sgd"}

    assert catalog.implied({**settings, "momentum": 0.9}) == ["projection", "momentum"]
    assert catalog.implied({"head": "unknown"}) == []

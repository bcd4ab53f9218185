"""The tables of names."""

import pytest
import torch

from vss import catalog
from vss.trial_config import TrialConfig


@pytest.mark.parametrize("table", [catalog.BACKBONES, catalog.HEADS])
def test_every_row_refers_to_existing_code(table: dict[str, catalog.Backbone]) -> None:
    for row in table.values():
        assert callable(catalog.resolve(row.build))


def test_every_dataset_row_refers_to_existing_code() -> None:
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
def test_head_takes_exactly_the_options_of_its_row(name: str) -> None:
    row = catalog.HEADS[name]
    arguments = {
        "channels": (8, 16), "num_classes": 3, "head_channels": 16, "dropout": 0.0,
        **row.fixed_arguments, **row.options, **({"memory_slots": 1} if row.uses_memory else {}),
    }  # fmt: skip
    build = catalog.resolve(row.build)

    with torch.device("meta"):
        build(**arguments)
        with pytest.raises(TypeError, match="unexpected keyword argument"):
            build(**arguments, something_else=1)


def test_void_comes_first_where_it_is_a_class() -> None:
    row = catalog.DATASETS["camvid"]

    assert list(row.with_void()) == [catalog.VOID, *row.classes]

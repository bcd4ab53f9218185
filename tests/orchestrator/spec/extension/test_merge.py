"""The rules by which a spec changes the one that it extends."""

from pathlib import Path
from typing import Any

import pytest

from orchestrator.spec.extension.merge import merge, move_paths


@pytest.mark.parametrize(
    ("extended", "changes", "merged"),
    [
        ({"a": 1}, {"b": 2}, {"a": 1, "b": 2}),
        ({"a": {"x": 1, "y": 2}}, {"a": {"y": 3}}, {"a": {"x": 1, "y": 3}}),
        ({"a": [1, 2]}, {"a": [3]}, {"a": [3]}),
        ({"a": [1, 2]}, {"a": {"from": 3}}, {"a": {"from": 3}}),
        ({"a": {"x": 1}}, {"a": 5}, {"a": 5}),
        ({"a": 1, "b": {"x": 1, "y": 2}}, {"a": None, "b": {"x": None}}, {"b": {"y": 2}}),
        ({}, {"a": None}, {}),
        ({"a": 1}, {"a": {"x": None, "y": 2}}, {"a": {"y": 2}}),
    ],
)
def test_mappings_are_merged_and_the_rest_is_replaced(
    extended: dict[str, Any], changes: dict[str, Any], merged: dict[str, Any]
) -> None:
    assert merge(extended, changes) == merged


def test_extended_content_stays_as_it_is() -> None:
    extended = {"a": {"x": 1}}

    merge(extended, {"a": {"x": 2}})

    assert extended == {"a": {"x": 1}}


def test_paths_of_files_move_with_the_spec() -> None:
    content = {
        "base": {"weights": "w.pth", "dataset_file": "data/d.yaml", "head": "fcn"},
        "grid": {"weights": ["none", "imagenet", "more/w.pth", {"cell": "a"}]},
        "cells": {"a": {"weights": {"cell": "b"}}},
    }

    moved = move_paths(content, Path("/specs/paper"), Path("/specs/paper/reduced"))

    assert moved == {
        "base": {"weights": "../w.pth", "dataset_file": "../data/d.yaml", "head": "fcn"},
        "grid": {"weights": ["none", "imagenet", "../more/w.pth", {"cell": "a"}]},
        "cells": {"a": {"weights": {"cell": "b"}}},
    }

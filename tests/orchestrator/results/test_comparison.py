"""Cells of one experiment or of two, compared."""

from typing import Any

import pytest

from orchestrator.results.comparison import compare
from orchestrator.settings import Settings
from orchestrator.stores import Stores
from tests.conftest import TINY_SPEC, SpecWriter


@pytest.fixture
def two_experiments(run: Any, write_spec: SpecWriter) -> None:
    """The tiny experiment, and another that shares its cell `image`."""
    run("submit", write_spec(TINY_SPEC), "--in-process", "--no-pictures")
    other = TINY_SPEC.replace("name: tiny", "name: other").replace(
        "memory_length: 1", "memory_length: 2"
    )
    run("submit", write_spec(other), "--in-process", "--no-pictures")


@pytest.mark.slow
def test_cells_and_experiments_are_compared_and_mistakes_are_named(
    run: Any, two_experiments: None, settings: Settings
) -> None:
    result = run("compare", "tiny:image", "tiny:memory")
    assert result.code == 0
    assert "tiny: image" in result.out
    assert "no verdict" in result.out  # two seeds

    result = run("compare", "tiny:memory", "other:memory", "--metric", "pixel_accuracy")
    assert result.code == 0
    assert "pixel_accuracy" in result.out
    assert "other: memory" in result.out

    pairs = compare("tiny", "other", Stores(settings))
    assert [pair.cells for pair in pairs] == [
        ["tiny: image", "other: image"], ["tiny: memory", "other: memory"],
    ]  # fmt: skip

    for arguments, message in (
        (("tiny:imgae", "tiny:memory"), "did you mean 'image'"),
        (("tiny", "tiny"), "are the same"),
        (("tiny:image", "other"), None),
        (("nothing", "tiny"), "no experiment 'nothing'"),
    ):
        result = run("compare", *arguments)
        assert result.code == (2 if message else 0)
        assert message is None or message in result.err
    result = run("compare", "tiny:image", "tiny:memory", "--metric", "miuo")
    assert result.code == 2
    assert "no trial has the metric 'miuo' (metrics: " in result.err
    assert "did you mean 'miou'?" in result.err

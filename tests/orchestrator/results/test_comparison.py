"""Cells of one experiment or of two, set against each other."""

from typing import Any

import pytest

from orchestrator.results.comparison import compare
from orchestrator.settings import Settings
from tests.conftest import TINY_SPEC, SpecWriter


@pytest.fixture
def two(run: Any, write_spec: SpecWriter) -> None:
    """The tiny experiment, and another one that shares its cell `image`."""
    run("submit", write_spec(TINY_SPEC), "--in-process", "--no-pictures")
    other = TINY_SPEC.replace("name: tiny", "name: other").replace(
        "memory_length: 1", "memory_length: 2"
    )
    run("submit", write_spec(other), "--in-process", "--no-pictures")


@pytest.mark.slow
def test_cells_and_experiments_are_compared_and_mistakes_named(
    run: Any, two: None, settings: Settings
) -> None:
    done = run("compare", "tiny:image", "tiny:memory")
    assert done.code == 0
    assert "tiny: image" in done.out
    assert "no verdict" in done.out  # two seeds

    done = run("compare", "tiny:memory", "other:memory", "--metric", "pixel_accuracy")
    assert done.code == 0
    assert "pixel_accuracy" in done.out
    assert "other: memory" in done.out

    pairs = compare("tiny", "other", settings)
    assert [pair.cells for pair in pairs] == [
        ["tiny: image", "other: image"], ["tiny: memory", "other: memory"],
    ]  # fmt: skip

    for arguments, message in (
        (("tiny:imgae", "tiny:memory"), "did you mean 'image'"),
        (("tiny", "tiny"), "are the same"),
        (("tiny:image", "other"), None),
        (("nothing", "tiny"), "no experiment 'nothing'"),
    ):
        done = run("compare", *arguments)
        assert done.code == (2 if message else 0)
        assert message is None or message in done.err
    done = run("compare", "tiny:image", "tiny:memory", "--metric", "miuo")
    assert done.code == 2
    assert "no trial has the metric 'miuo'; did you mean 'miou'?" in done.err

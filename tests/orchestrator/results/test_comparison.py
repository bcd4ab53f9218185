"""The comparison of cells from one experiment or two."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

import reports
from orchestrator.results.comparison import build_json, compare
from orchestrator.settings import Settings
from orchestrator.stores import Stores
from reports.records import ExperimentRecord, RunRecord
from tests.conftest import TINY_SPEC, SpecWriter
from tests.orchestrator.conftest import assert_one_line

COMMITTED = Path(__file__).parents[3] / "experiments" / "results" / "camvid_quick"


@pytest.fixture
def two_experiments(run: Any, write_spec: SpecWriter) -> None:
    """Run the tiny experiment, and a second one that shares its cell `image`."""
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
    assert "pixel accuracy (higher is better)" in result.out
    assert "other: memory" in result.out

    content = run("compare", "tiny", "other", "--json").json
    assert content["metric"] == "miou"
    assert [pair["baseline"] for pair in content["pairs"]] == ["tiny: image", "tiny: memory"]
    image, memory = content["pairs"]
    assert [row["mean"] for row in image["cells"]] == [0, 0]  # the same trials
    assert [row["verdict"] for row in memory["cells"]] == ["baseline", "no verdict"]
    assert memory["cells"][0]["low"] is None

    pairs = compare("tiny", "other", Stores(settings))
    assert [pair.cells for pair in pairs] == [
        ["tiny: image", "other: image"], ["tiny: memory", "other: memory"],
    ]  # fmt: skip

    for arguments, message in (
        (("tiny:imgae", "tiny:memory"), "did you mean 'image'"),
        (("tiny", "tiny"), "are the same"),
        (("tiny:image:0", "tiny:memory"), "'tiny:image:0' names one trial, but cells are comp"),
        (("tiny:image", "other"), None),
        (("nothing", "tiny"), "no experiment 'nothing'"),
    ):
        result = run("compare", *arguments)
        assert result.code == (2 if message else 0)
        assert message is None or message in result.err
    result = run("compare", "tiny:image", "tiny:memory", "--metric", "miuo")
    assert result.code == 2
    assert "did you mean 'miou'?" in result.err
    result = run("compare", "tiny:image", "tiny:memory", "--metric", "miou_without_void")
    assert result.code == 2
    assert "no trial has the metric 'miou_without_void' (metrics: " in result.err


def test_json_holds_the_rows_of_the_verdicts() -> None:
    runs = [
        RunRecord(cell, seed, f"{cell}{seed}", "FINISHED", {}, metrics={"miou": miou})
        for cell, by_seed in (("a", (0.40, 0.42, 0.44)), ("b", (0.50, 0.51, 0.52)))
        for seed, miou in enumerate(by_seed)
    ]
    record = ExperimentRecord("study", "why", "a", ["a", "b"], runs, interim="one is missing")

    content = build_json([record], "miou")

    assert (content["metric"], content["higher_is_better"]) == ("miou", True)
    (pair,) = content["pairs"]
    assert (pair["baseline"], pair["interim"]) == ("a", "one is missing")
    assert pair["cells"][1] == asdict(reports.verdicts(record)[1])


def test_report_folders_need_no_stores(run: Any, tmp_path: Path) -> None:
    cells = ["tma, memory 1", "tma, memory 2"]
    arguments = [f"{COMMITTED}:{cell}" for cell in cells]

    result = run("compare", *arguments, "--json")
    missing = run("compare", f"{COMMITTED}:tma, memory 9", arguments[1])
    unknown = run("compare", arguments[0], f"{tmp_path}:memory 4")

    assert result.code == 0
    [pair] = result.json["pairs"]
    assert pair["baseline"] == "camvid_quick: tma, memory 1"
    assert [row["mean"] is not None for row in pair["cells"]] == [True, True]
    assert_one_line(missing, "no cell .tma, memory 9.")
    assert_one_line(unknown, "nothing has been submitted")


def test_report_against_another_baseline_can_be_compared(run: Any, tmp_path: Path) -> None:
    run("report", "--from", COMMITTED, "--baseline", "tma, memory 1", "--out", tmp_path)

    result = run("compare", f"{tmp_path}:fcn", f"{tmp_path}:tma, memory 1", "--json")

    assert result.code == 0
    assert result.json["pairs"][0]["baseline"] == "camvid_quick: fcn"

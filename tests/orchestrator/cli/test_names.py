"""Commands that help to write specs."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.orchestrator.conftest import Terminal, assert_one_line


def test_names_lists_settings_and_choices(run: Any) -> None:
    text, content = run("names").out, run("names", "--json").json

    assert {"head", "backbone", "dataset", "optimizer", "schedule"} <= set(content)
    assert "position_code" in content["head"]["tma"]["options"]
    assert "share_slots (default false)" in text
    assert "dataset_file (required)" in text
    assert "memory_length          past frames that the head reads\n" in text
    assert content["settings"]["memory_length"]["required"]


def test_every_setting_has_a_type_and_a_default_or_a_reason(run: Any) -> None:
    settings = run("names", "--json").json["settings"]

    assert {"priority", "published", "teacher_seed", "seed"} <= set(settings)
    assert all(setting["type"] for setting in settings.values())
    notes = {name: setting["default_note"] for name, setting in settings.items()}
    assert all(note.startswith(("default", "no default: ")) for note in notes.values()), notes
    assert settings["head_channels"]["values"] == "at least 8, at most 65536, a multiple of 8"
    assert settings["output_stride"]["values"] == "8, 16, 32"
    assert (settings["dropout"]["type"], settings["dropout"]["default"]) == ("number", 0.1)
    assert notes["pooling"] == "default by head: cube for apnb_tma, asym_tma, da_asym_tma"


def test_names_fit_80_columns(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")

    assert max(map(len, run("names").out.splitlines())) <= 80


def test_committed_schema_equals_the_printed_one(run: Any) -> None:
    committed = Path(__file__).parents[3] / "experiments" / "spec.schema.json"

    assert json.loads(committed.read_text()) == run("schema").json, (
        "run: vss-orch schema > experiments/spec.schema.json"
    )


def test_init_writes_a_spec_that_plan_accepts(run: Any, tmp_path: Path) -> None:
    file = tmp_path / "specs" / "study.yaml"

    result = run("init", file, "--yes", "--vary", "head", "--seeds", "2")

    assert (result.code, result.err) == (0, "")
    assert result.out == f"{file}: 8 trials in 4 cells; next: vss-orch plan {file}\n"
    assert run("plan", file).out.splitlines()[-2] == "8 trials in 4 cells"


def test_init_asks_four_questions_and_repeats_one(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "study.yaml"
    monkeypatch.setattr("sys.stdin", Terminal("camvid\nheads\nhead\n\n5\n"))

    result = run("init", file)

    assert result.code == 0
    assert "unknown answer 'heads': did you mean 'head'" in result.out
    assert "Backbone and frame size [resnet18 160x120]" in result.out
    assert result.out.endswith(f"{file}: 20 trials in 4 cells; next: vss-orch plan {file}\n")


def test_init_overwrites_nothing_without_asking(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "study.yaml"
    file.write_text("mine")

    with_yes = run("init", file, "--yes")
    without_terminal = run("init", file)
    monkeypatch.setattr("sys.stdin", Terminal("\n\n\n\nn\n"))
    refused = run("init", file)

    assert_one_line(with_yes, "study.yaml exists, and --yes overwrites nothing")
    assert_one_line(without_terminal, "there is no terminal to ask on: add --yes")
    assert f"Overwrite {file}?" in refused.out
    assert refused.code == 1
    assert file.read_text() == "mine"


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs a folder that takes no files")
def test_init_names_a_file_that_cannot_be_written(run: Any) -> None:
    result = run("init", "/proc/study.yaml", "--yes")

    assert result.code == 2
    assert_one_line(result, "/proc/study.yaml cannot be written: No such file or directory")

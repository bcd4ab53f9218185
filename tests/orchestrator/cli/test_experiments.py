"""Commands for experiments: their output, the files they write, and their exit codes."""

import re
from pathlib import Path
from typing import Any

import pytest

from orchestrator.execution.handover import detached
from orchestrator.settings import Settings
from orchestrator.terminal.overview import following
from tests.conftest import TINY_SPEC, SpecWriter, paint_camvid
from tests.orchestrator.conftest import assert_one_line

CAMVID_SPEC = TINY_SPEC.replace("dataset: synthetic\n  clips: 2", "dataset: camvid")


@pytest.mark.slow
def test_submit_goes_from_spec_to_report(
    run: Any, write_spec: SpecWriter, settings: Settings, prepared_home: None
) -> None:
    result = run("submit", write_spec(TINY_SPEC), "--in-process")

    report = settings.report_folder("tiny") / "report.md"
    assert result.code == 0
    assert result.err == ""
    assert "[4/4] FINISHED  memory, seed 1" in result.out
    assert f"report:    {report.with_suffix('.html')}\n" in result.out
    assert re.search(r"next:      \S*vss-orch predict tiny:\w+:\d VIDEO --out ", result.out)
    assert re.search(r"MLflow UI: \S*vss-orch ui tiny\n", result.out)
    assert "tiny: mIoU on test" in result.out
    assert report.exists()
    assert (report.parent / "pictures").is_dir()

    status = run("status", "tiny", "--json").json
    assert status["experiment"] == "tiny"
    assert len(status["trials"]) == 4
    assert {"trial_id", "cell", "seed", "state", "attempts"} <= set(status["trials"][0])
    assert [t["state"] for t in status["trials"]] == ["FINISHED"] * 4
    assert all(0 < trial["score"] < 1 for trial in status["trials"])
    (entry,) = run("status", "--json").json["experiments"]
    assert (entry["experiment"], entry["trials"]) == ("tiny", {"FINISHED": 4})
    assert "4 finished" in run("status", "tiny").out
    assert "tiny" in run("status").out

    out = settings.home / "another-folder"
    second_report = run("report", "tiny", "--out", out, "--no-pictures")
    assert second_report.out.strip() == str(out / "report.md")
    assert not (out / "pictures").exists()


@pytest.mark.parametrize(("options", "code"), [((), 1), (("--detach",), 0)])
def test_submit_to_a_dashboard_hands_over_and_then_watches(
    options: tuple[str, ...],
    code: int,
    run: Any,
    write_spec: SpecWriter,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "http://127.0.0.1:8265")
    monkeypatch.setattr(detached, "hand_over", lambda *_: ["handed over"])
    monkeypatch.setattr(following, "watch", lambda name, *_: 1)  # a trial has failed

    result = run("submit", write_spec(TINY_SPEC), *options)

    assert (result.code, result.out) == (code, "handed over\n")


@pytest.mark.slow
def test_overrides_are_recorded_and_repeated_by_the_report(
    run: Any, write_spec: SpecWriter, settings: Settings, prepared_home: None
) -> None:
    overrides = ["name=short", "steps=2", "seeds=[3]"]

    result = run("submit", write_spec(TINY_SPEC), *overrides, "--in-process", "--no-pictures")

    assert result.code == 0
    assert [trial["seed"] for trial in run("status", "short", "--json").json["trials"]] == [3, 3]
    report = (settings.report_folder("short") / "report.md").read_text()
    assert "    vss-orch submit spec.yaml name=short steps=2 'seeds=[3]'\n" in report
    assert f"{TINY_SPEC.strip()}\n# overrides: name=short steps=2 'seeds=[3]'\n" in report


@pytest.mark.slow
def test_submit_exits_1_if_trials_fail(
    run: Any,
    write_spec: SpecWriter,
    tmp_path: Path,
    prepared_home: None,
) -> None:
    dataset = paint_camvid(tmp_path / "camvid")
    image = dataset / "test" / "Seq05VD_f00930.png"
    image.write_bytes(image.read_bytes()[:100])

    result = run("submit", write_spec(CAMVID_SPEC), "--in-process", "--data", f"camvid={dataset}")

    assert result.code == 1
    assert result.out.count("cannot read image Seq05VD_f00930.png") >= 4
    assert "Traceback" not in result.out + result.err

    log = run("logs", "tiny:memory:1")
    assert log.code == 0
    assert "attempt 1: FAILED" in log.out
    assert "Traceback (most recent call last)" in log.out
    assert_one_line(run("logs", "tiny:memory"), r"write 'tiny:memory:0' \(seeds: 0, 1\)")


@pytest.mark.slow
def test_smoke_reports_each_cell_and_keeps_nothing(
    run: Any,
    write_spec: SpecWriter,
    settings: Settings,
    prepared_home: None,
) -> None:
    result = run("submit", write_spec(TINY_SPEC), "--smoke", "--in-process")

    assert (result.code, result.out) == (0, "image: ok\nmemory: ok\n")
    assert run("status").out.startswith("no experiments yet")
    assert not settings.storage.folder.exists()


@pytest.mark.parametrize("option", [(), ("--json",)])
def test_status_creates_nothing(option: tuple[str, ...], run: Any, settings: Settings) -> None:
    result = run("status", *option)

    assert (result.code, result.err) == (0, "")
    assert "no experiments yet" in result.out or result.json == {"experiments": []}
    assert not settings.home.exists()


MISTAKES = {
    "unknown key": ("seeds:", "seedz: [0]\nseeds:", "unknown setting 'seedz'.*'seeds'"),
    "unknown setting": ("width: 8", "widht: 8", "'widht'.*'width'"),
    "unknown name": ("backbone: resnet18", "backbone: resnet81", "'resnet81'.*'resnet18'"),
    "wrong type": ("steps: 4", "steps: four", "'steps'.*'four'"),
    "memory given to an image head": ("{head: fcn}", "{head: fcn, memory_length: 2}", "'fcn'"),
    "option of another head": ("{head: fcn}", "{head: fcn, share_slots: true}", "'share_slots'"),
    "duplicate cell": ("  memory:", "  image: {head: psp}\n  memory:", "line .*image"),
    "baseline that is not a cell": ("seeds:", "baseline: imge\nseeds:", "'imge'.*'image'"),
    "cell without settings": ("{head: fcn}\n  memory: {head: tma, memory_length: 1}", "{}", "head"),
    "no cells": (
        "cells:\n  image: {head: fcn}\n  memory: {head: tma, memory_length: 1}\n", "",
        "cell 'base': 'head', 'memory_length' are missing",
    ),
    "tab": ("seeds:", "\tseeds:", "line .*column"),
    "brace not closed": ("{head: fcn}", "{head: fcn", "line .*column"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistake_in_a_spec_is_reported_on_one_line(
    run: Any, write_spec: SpecWriter, mistake: str
) -> None:
    correct, wrong, message = MISTAKES[mistake]
    assert correct in TINY_SPEC

    result = run("plan", write_spec(TINY_SPEC.replace(correct, wrong)))

    assert (result.code, result.out) == (2, "")
    assert_one_line(result, message)


def test_missing_spec_is_named(run: Any, tmp_path: Path) -> None:
    result = run("submit", tmp_path / "none.yaml")

    assert result.code == 2
    assert_one_line(result, "none.yaml: No such file")


@pytest.mark.parametrize(
    ("data", "pattern"),
    [
        ([], "'camvid' needs a folder: add --data camvid=PATH"),
        (["--data", "camvid=/nowhere"], "no folder /nowhere .*--data camvid=/nowhere"),
        (["--data", "camvid"], "--data 'camvid': write NAME=PATH"),
        (["--data", "camvit=/x"], "'camvit'.*'camvid'"),
    ],
)
def test_missing_dataset_is_named_with_the_remedy(
    run: Any,
    write_spec: SpecWriter,
    data: list[str],
    pattern: str,
) -> None:
    result = run("submit", write_spec(CAMVID_SPEC), "--in-process", *data)

    assert result.code == 2
    assert_one_line(result, pattern)


@pytest.mark.slow
def test_missing_file_of_a_dataset_is_named(run: Any, write_spec: SpecWriter, camvid: Path) -> None:
    (camvid / "val" / "0016E5_00960.png").unlink()

    result = run("submit", write_spec(CAMVID_SPEC), "--in-process", "--data", f"camvid={camvid}")

    assert result.code == 2
    assert_one_line(result, "0016E5_00960.png")


@pytest.mark.slow
def test_unreachable_tracking_store_is_named_with_its_variable(
    run: Any,
    write_spec: SpecWriter,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:////proc/nowhere/mlflow.db")

    result = run("submit", write_spec(TINY_SPEC), "--in-process")

    assert result.code == 2
    assert_one_line(result, "MLFLOW_TRACKING_URI")


def test_unwritable_home_is_named_with_its_variable(
    run: Any,
    write_spec: SpecWriter,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("VSS_HOME", "/proc/nowhere")

    result = run("submit", write_spec(TINY_SPEC), "--in-process")

    assert result.code == 2
    assert_one_line(result, "cannot create folder /proc/nowhere/trials.*VSS_HOME")


def test_long_text_that_is_not_a_spec_is_not_repeated(run: Any, write_spec: SpecWriter) -> None:
    result = run("plan", write_spec("just some words " * 50))

    assert result.code == 2
    assert_one_line(result, "expected settings such as 'name: my-study', got plain text")
    assert len(result.err) < 300

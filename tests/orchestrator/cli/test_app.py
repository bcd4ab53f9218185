"""The command line: what is printed, where to, and the exit code."""

import json
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from orchestrator.settings import Settings
from reports.records import ExperimentRecord, RunRecord
from reports.report import build_report
from tests.conftest import TINY_SPEC, SpecWriter, paint_camvid
from tests.orchestrator.conftest import assert_one_line

CAMVID_SPEC = TINY_SPEC.replace("dataset: synthetic\n  clips: 2", "dataset: camvid")


def test_plan_lists_cells_and_trials(run, write_spec: SpecWriter) -> None:  # type: ignore[no-untyped-def]
    done = run("plan", write_spec(TINY_SPEC))

    assert done.code == 0
    assert "image (baseline)" in done.out
    assert done.out.splitlines()[-1] == "4 trials in 2 cells"


def test_plan_as_json(run, write_spec: SpecWriter) -> None:  # type: ignore[no-untyped-def]
    plan = run("plan", write_spec(TINY_SPEC), "--json").json

    assert plan["experiment"] == "tiny"
    assert len(plan["trials"]) == 4
    first = plan["trials"][0]
    assert set(first) == {"trial_id", "cell", "seed", "settings"}
    assert (first["cell"], first["seed"], first["settings"]["head"]) == ("image", 0, "fcn")
    assert "path" not in json.dumps(plan)


def test_plan_counts_what_cells_cost(run, write_spec: SpecWriter) -> None:  # type: ignore[no-untyped-def]
    spec = write_spec(TINY_SPEC)

    text, counted = run("plan", spec, "--cost").out, run("plan", spec, "--cost", "--json").json

    assert set(counted["cost"]) == {"image", "memory"}
    assert counted["cost"]["memory"]["gflops"] > counted["cost"]["image"]["gflops"] > 0
    assert counted["cost"]["memory"]["training_memory_mib"] > 1
    assert counted["cost"]["memory"]["train_seconds"] is None
    assert "training time is unknown (?)" in " ".join(text.lower().split())


def test_plan_knows_the_time_of_what_has_run_here(run, write_spec: SpecWriter) -> None:  # type: ignore[no-untyped-def]
    run("submit", write_spec(TINY_SPEC.replace("steps: 4", "steps: 8")), "--in-process")
    longer = write_spec(TINY_SPEC.replace("steps: 4", "steps: 800").replace("1e-3", "1e-4"))

    counted = run("plan", longer, "--cost", "--json").json["cost"]
    text = run("plan", longer, "--cost").out

    assert counted["image"]["train_seconds"] > 1
    assert "All trainings: 0:0" in " ".join(text.split())


def test_plan_of_a_thousand_trials_takes_a_second_and_no_torch(write_spec: SpecWriter) -> None:
    seeds = f"seeds: {list(range(500))}"
    spec = write_spec(TINY_SPEC.replace("seeds: [0, 1]", seeds))
    code = (
        "import sys\nfrom orchestrator.cli.app import main\n"
        f"try: main(['plan', {str(spec)!r}])\n"
        "finally: print(*sys.modules, file=sys.stderr)"
    )
    begun = time.perf_counter()

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.splitlines()[-1] == "1000 trials in 2 cells"
    assert not {"torch", "ray", "mlflow", "sqlalchemy"} & set(done.stderr.split())
    # The aim is 1 s on an idle machine; this bound only catches that something grew.
    assert time.perf_counter() - begun < 10


def test_submit_from_spec_to_report(run, write_spec: SpecWriter, settings: Settings, ready) -> None:  # type: ignore[no-untyped-def]
    done = run("submit", write_spec(TINY_SPEC), "--in-process")

    report = settings.report_folder("tiny") / "report.md"
    assert done.code == 0
    assert done.err == ""
    assert "[4/4] FINISHED  memory, seed 1" in done.out
    assert f"report:    {report}" in done.out
    assert re.search(r"MLflow UI: \S*vss-orch ui tiny\n", done.out)
    assert "tiny: mIoU on test" in done.out
    assert report.exists()
    assert (report.parent / "pictures").is_dir()

    status = run("status", "tiny", "--json").json
    assert status["experiment"] == "tiny"
    assert len(status["trials"]) == 4
    assert {"trial_id", "cell", "seed", "state", "attempts"} <= set(status["trials"][0])
    assert [t["state"] for t in status["trials"]] == ["FINISHED"] * 4
    assert run("status", "--json").json == {
        "experiments": [{"experiment": "tiny", "trials": {"FINISHED": 4}}]
    }
    assert "4 finished" in run("status", "tiny").out
    assert "tiny" in run("status").out

    out = settings.home / "elsewhere"
    again = run("report", "tiny", "--out", out, "--no-pictures")
    assert again.out.strip() == str(out / "report.md")
    assert not (out / "pictures").exists()


def test_submit_whose_trials_fail_exits_1(
    run,
    write_spec: SpecWriter,
    tmp_path: Path,
    ready,  # type: ignore[no-untyped-def]
) -> None:
    broken = paint_camvid(tmp_path / "camvid")
    image = broken / "test" / "Seq05VD_f00930.png"
    image.write_bytes(image.read_bytes()[:100])

    done = run("submit", write_spec(CAMVID_SPEC), "--in-process", "--data", f"camvid={broken}")

    assert done.code == 1
    assert done.out.count("cannot read image Seq05VD_f00930.png") >= 4
    assert "Traceback" not in done.out + done.err


def test_smoke_says_which_cells_run(
    run,
    write_spec: SpecWriter,
    settings: Settings,
    ready,  # type: ignore[no-untyped-def]
) -> None:
    done = run("submit", write_spec(TINY_SPEC), "--smoke", "--in-process")

    assert (done.code, done.out) == (0, "image: ok\nmemory: ok\n")
    assert run("status").out.startswith("no experiment yet")
    assert list(settings.storage.iterdir()) == []


def test_names_lists_what_a_spec_may_say(run) -> None:  # type: ignore[no-untyped-def]
    text, listed = run("names").out, run("names", "--json").json

    assert {"head", "backbone", "dataset", "optimizer", "schedule"} <= set(listed)
    assert "position_code" in listed["head"]["tma"]["options"]
    assert "share_slots (default false)" in text
    assert "memory_length         past frames that the head reads (no default)" in text
    assert listed["settings"]["memory_length"]["required"]


def test_committed_schema_is_the_one_that_is_printed(run) -> None:  # type: ignore[no-untyped-def]
    committed = Path(__file__).parents[3] / "experiments" / "spec.schema.json"

    assert json.loads(committed.read_text()) == run("schema").json, (
        "run: vss-orch schema > experiments/spec.schema.json"
    )


# --- the user's mistakes: one line, exit 2, no traceback

MISTAKES = {
    "unknown key": ("seeds:", "seedz: [0]\nseeds:", "unknown setting 'seedz'.*'seeds'"),
    "unknown setting": ("width: 8", "widht: 8", "'widht'.*'width'"),
    "unknown name": ("backbone: resnet18", "backbone: resnet81", "'resnet81'.*'resnet18'"),
    "wrong type": ("steps: 4", "steps: four", "'steps'.*'four'"),
    "memory given to an image head": ("{head: fcn}", "{head: fcn, memory_length: 2}", "'fcn'"),
    "option of another head": ("{head: fcn}", "{head: fcn, share_slots: true}", "'share_slots'"),
    "duplicate cell": ("  memory:", "  image: {head: psp}\n  memory:", "line .*image"),
    "baseline that is no cell": ("seeds:", "baseline: imge\nseeds:", "'imge'.*'image'"),
    "empty design": ("{head: fcn}\n  memory: {head: tma, memory_length: 1}", "{}", "head"),
    "no cells": (
        "cells:\n  image: {head: fcn}\n  memory: {head: tma, memory_length: 1}\n", "", "empty",
    ),
    "tab": ("seeds:", "\tseeds:", "line .*column"),
    "not closed": ("{head: fcn}", "{head: fcn", "line .*column"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistake_in_a_spec_is_one_line(run, write_spec: SpecWriter, mistake: str) -> None:  # type: ignore[no-untyped-def]
    before, after, _ = MISTAKES[mistake]
    assert before in TINY_SPEC

    done = run("plan", write_spec(TINY_SPEC.replace(before, after)))

    assert (done.code, done.out) == (2, "")
    assert_one_line(done, MISTAKES[mistake][2])


def test_missing_spec(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    done = run("submit", tmp_path / "none.yaml")

    assert done.code == 2
    assert_one_line(done, "none.yaml: No such file")


@pytest.mark.parametrize(
    ("data", "pattern"),
    [
        ([], "'camvid' needs a folder: give --data camvid=PATH"),
        (["--data", "camvid=/nowhere"], "no folder /nowhere .*--data camvid=/nowhere"),
        (["--data", "camvid"], "--data 'camvid' is not NAME=PATH"),
        (["--data", "camvit=/x"], "'camvit'.*'camvid'"),
    ],
)
def test_data_that_is_not_there(
    run,
    write_spec: SpecWriter,
    data: list[str],
    pattern: str,  # type: ignore[no-untyped-def]
) -> None:
    done = run("submit", write_spec(CAMVID_SPEC), "--in-process", *data)

    assert done.code == 2
    assert_one_line(done, pattern)


def test_data_that_lacks_a_file(run, write_spec: SpecWriter, camvid: Path) -> None:  # type: ignore[no-untyped-def]
    (camvid / "val" / "0016E5_00960.png").unlink()

    done = run("submit", write_spec(CAMVID_SPEC), "--in-process", "--data", f"camvid={camvid}")

    assert done.code == 2
    assert_one_line(done, "0016E5_00960.png")


def test_database_out_of_reach(run, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setenv("VSS_LEDGER_URL", "postgresql+psycopg://someone:secret@127.0.0.1:1/x")

    done = run("status")

    assert done.code == 2
    assert_one_line(done, "VSS_LEDGER_URL")
    assert "secret" not in done.err


def test_tracking_store_out_of_reach(
    run,
    write_spec: SpecWriter,
    monkeypatch: pytest.MonkeyPatch,  # type: ignore[no-untyped-def]
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:////proc/nowhere/mlflow.db")

    done = run("submit", write_spec(TINY_SPEC), "--in-process")

    assert done.code == 2
    assert_one_line(done, "MLFLOW_TRACKING_URI")


def test_tracking_server_out_of_reach_keeps_its_password(
    run,  # type: ignore[no-untyped-def]
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "postgresql://someone:secret@127.0.0.1:1/x")

    done = run("ui")

    assert done.code == 2
    assert_one_line(done, "MLflow at postgresql://someone:.*@127.0.0.1:1/x .*Connection refused")
    assert "secret" not in done.err


def test_home_that_cannot_be_written(
    run,  # type: ignore[no-untyped-def]
    write_spec: SpecWriter,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("VSS_HOME", "/proc/nowhere")

    done = run("submit", write_spec(TINY_SPEC), "--in-process")

    assert done.code == 2
    assert_one_line(done, "cannot make folder /proc/nowhere/trials.*VSS_HOME")


def test_spec_that_holds_no_settings(run, write_spec: SpecWriter) -> None:  # type: ignore[no-untyped-def]
    done = run("plan", write_spec("just some words " * 50))

    assert done.code == 2
    assert_one_line(done, "expected settings such as 'name: my-study', found 'just some words")
    assert len(done.err) < 300


@pytest.mark.parametrize("command", [["status"], ["report"], ["ui"]])
def test_unknown_experiment(run, command: list[str], ready) -> None:  # type: ignore[no-untyped-def]
    done = run(*command, "nothing")

    assert done.code == 2
    assert_one_line(done, "'nothing'")


def test_unknown_command_and_option_exit_2(run) -> None:  # type: ignore[no-untyped-def]
    assert run("sumbit").code == 2
    assert run("plan", "x.yaml", "--jsn").code == 2


def test_help_names_every_command(run) -> None:  # type: ignore[no-untyped-def]
    done = run("--help")

    assert done.code == 0
    for command in ("plan", "submit", "status", "report", "names", "schema", "ui", "dashboard"):
        assert f" {command} " in done.out


def _record() -> ExperimentRecord:
    run = RunRecord("a", 0, "t", "FAILED", {"steps": 1}, message="no data")
    return ExperimentRecord("study", "why", "a", ["a"], [run])


def test_report_is_made_again_from_its_folder(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    first = build_report(_record(), tmp_path / "a")

    done = run("report", "--from", tmp_path / "a", "--out", tmp_path / "b")

    assert (done.code, done.out.strip()) == (0, str(tmp_path / "b" / "report.md"))
    assert (tmp_path / "b" / "report.md").read_bytes() == first.read_bytes()
    assert not (tmp_path / "runs").exists()


def test_report_from_a_folder_needs_no_service(tmp_path: Path) -> None:
    build_report(_record(), tmp_path)
    code = (
        "import sys\nfrom orchestrator.cli.app import main\n"
        f"try: main(['report', '--from', {str(tmp_path)!r}])\n"
        "finally: print(*sys.modules, file=sys.stderr)"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert not {"torch", "ray", "mlflow", "sqlalchemy"} & set(done.stderr.split())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "report takes either NAME or --from DIR, found neither"),
        (["x", "--from", "y"], "either NAME or --from DIR, found NAME 'x' and --from 'y'"),
        (["--from", "y", "--watch"], "give NAME instead of --from 'y'"),
        (["--from", "nowhere"], "no folder nowhere; --from takes the folder of a report"),
        (
            ["x", "--sort", "latenzy"],
            "cannot sort by 'latenzy'; did you mean 'latency'",
        ),
    ],
)
def test_report_of_what_is_none(run, arguments: list[str], said: str) -> None:  # type: ignore[no-untyped-def]
    done = run("report", *arguments)

    assert done.code == 2
    assert_one_line(done, said)


def test_damaged_report_is_one_line(run, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    build_report(_record(), tmp_path)
    (tmp_path / "confusions.npz").write_bytes(b"x")

    done = run("report", "--from", tmp_path)

    assert done.code == 2
    assert_one_line(done, "confusions.npz is damaged")


def test_watching_ends_with_ctrl_c(run, monkeypatch: pytest.MonkeyPatch, ready) -> None:  # type: ignore[no-untyped-def]
    def interrupted(*given: object, **named: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("orchestrator.results.watching.watch", interrupted)

    assert run("report", "tiny", "--watch").code == 130

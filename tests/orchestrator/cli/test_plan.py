"""The command `plan`: what it prints."""

import json
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from orchestrator.settings import Settings
from tests.conftest import TINY_SPEC, SpecWriter, save_weights
from tests.orchestrator.conftest import assert_one_line

CAMVID_SPEC = TINY_SPEC.replace("dataset: synthetic\n  clips: 2", "dataset: camvid")


def test_plan_lists_cells_and_trials(run: Any, write_spec: SpecWriter) -> None:
    result = run("plan", write_spec(TINY_SPEC))

    assert result.code == 0
    assert "image (baseline)" in result.out
    *_, count, room = result.out.splitlines()
    assert count == "4 trials in 2 cells"
    assert room.startswith("each trial fits on this machine (")


def test_plan_shows_what_differs_between_cells(run: Any, write_spec: SpecWriter) -> None:
    lines = run("plan", write_spec(TINY_SPEC)).out.splitlines()

    (header,) = [line for line in lines if "head" in line and "seeds" in line]
    (memory,) = [line for line in lines if line.split()[:2] == ["memory", "tma"]]
    assert header.split() == ["cell", "head", "memory_length", "seeds"]
    assert memory.split() == ["memory", "tma", "1", "2"]


def test_plan_without_earlier_trials_says_how_to_tell_the_time(
    run: Any, write_spec: SpecWriter
) -> None:
    result = run("plan", write_spec(TINY_SPEC))

    assert "time: unknown for 2 cells, as no similar trial has finished; --probe" in result.out


@pytest.mark.slow
def test_probe_tells_the_time_and_keeps_nothing(
    run: Any, prepared_home: None, settings: Settings, write_spec: SpecWriter
) -> None:
    spec = write_spec(TINY_SPEC.replace("steps: 4", "steps: 4000"))

    plan = run("plan", spec, "--probe", "--json").json

    assert set(plan["trial_seconds"]) == {"image", "memory"}
    assert min(plan["trial_seconds"].values()) > 1
    assert not settings.storage.folder.exists()


def test_data_without_probe_is_refused(run: Any, write_spec: SpecWriter) -> None:
    result = run("plan", write_spec(CAMVID_SPEC), "--data", "camvid=/data")

    assert_one_line(result, "--data camvid=/data has no effect without --probe")


def test_plan_that_cannot_run_is_refused(run: Any, write_spec: SpecWriter) -> None:
    result = run("plan", write_spec(TINY_SPEC), "resources.cpus=5000")

    assert (result.code, result.out) == (2, "")
    assert_one_line(result, "each trial needs 5000 CPUs, but this machine has")


def test_plan_for_a_cluster_known_by_its_dashboard_says_that_nodes_are_not_checked(
    run: Any, write_spec: SpecWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "http://127.0.0.1:8265")

    result = run("plan", write_spec(TINY_SPEC))

    assert result.code == 0
    assert result.out.splitlines()[-1].startswith("not checked against the nodes of http://")
    no_host = run("plan", write_spec(TINY_SPEC), "--address", "http://")
    assert_one_line(no_host, "'http://' names no host; write http://HOST:8265")


def test_plan_for_another_machine_with_gpus_is_only_noted(
    run: Any, write_spec: SpecWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")  # without nvidia-smi

    result = run("plan", write_spec(TINY_SPEC), "resources.gpus=1")

    assert result.code == 0
    assert result.out.splitlines()[-1].startswith("note: each trial needs 1 GPU(s), and this mach")


def test_plan_is_printed_as_json(run: Any, write_spec: SpecWriter) -> None:
    plan = run("plan", write_spec(TINY_SPEC), "--json").json

    assert plan["experiment"] == "tiny"
    assert len(plan["trials"]) == 4
    first = plan["trials"][0]
    assert set(first) == {"trial_id", "cell", "seed", "settings"}
    assert (first["cell"], first["seed"], first["settings"]["head"]) == ("image", 0, "fcn")
    assert "path" not in json.dumps(plan)


@pytest.mark.slow
def test_plan_shows_the_cost_of_each_cell(run: Any, write_spec: SpecWriter) -> None:
    spec = write_spec(TINY_SPEC)

    text = run("plan", spec, "--cost").out
    costs = run("plan", spec, "--cost", "--json").json["cost"]

    assert set(costs) == {"image", "memory"}
    assert costs["memory"]["gflops"] > costs["image"]["gflops"] > 0
    assert costs["memory"]["training_memory_mib"] > 1
    assert costs["memory"]["train_seconds"] is None
    assert "training time is unknown (?)" in " ".join(text.lower().split())


@pytest.mark.slow
def test_plan_estimates_time_from_earlier_trials_on_this_device(
    run: Any, prepared_home: None, write_spec: SpecWriter
) -> None:
    run("submit", write_spec(TINY_SPEC.replace("steps: 4", "steps: 8")), "--in-process")
    longer = write_spec(TINY_SPEC.replace("steps: 4", "steps: 800").replace("1e-3", "1e-4"))

    costs = run("plan", longer, "--cost", "--json").json["cost"]
    text = run("plan", longer, "--cost").out

    assert costs["image"]["train_seconds"] > 1
    assert re.search(r"All trials in sequence: \d+:\d\d:\d\d\.", " ".join(text.split()))


@pytest.mark.slow
def test_plan_of_a_thousand_trials_is_fast_and_loads_no_torch(write_spec: SpecWriter) -> None:
    seeds = f"seeds: {list(range(500))}"
    spec = write_spec(TINY_SPEC.replace("seeds: [0, 1]", seeds))
    code = (
        "import sys\nfrom orchestrator.cli.app import main\n"
        f"try: main(['plan', {str(spec)!r}])\n"
        "finally: print(*sys.modules, file=sys.stderr)"
    )
    start = time.perf_counter()

    process = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert process.stdout.splitlines()[-2] == "1000 trials in 2 cells"
    assert not {"torch", "ray", "mlflow", "sqlalchemy"} & set(process.stderr.split())
    # The aim is 1 s on an idle machine; this bound only catches gross regressions.
    assert time.perf_counter() - start < 30


def test_plan_lists_planned_looks(run: Any, write_spec: SpecWriter) -> None:
    spec = write_spec(TINY_SPEC.replace("seeds: [0, 1]", "seeds: {from: 3, to: 10}"))

    lines = run("plan", spec).out.splitlines()

    assert lines[-6:-1] == [
        "look 1: 3 seeds, 6 trials",
        "look 2: 5 seeds, at most 10 trials",
        "look 3: 7 seeds, at most 14 trials",
        "look 4: 10 seeds, at most 20 trials",
        "6 to 20 trials in 2 cells",
    ]
    assert run("plan", spec, "--json").json["looks"] == [3, 5, 7, 10]
    assert run("plan", spec, "--look", 2).out.splitlines()[-2] == "6 to 10 trials in 2 cells"
    assert_one_line(run("plan", spec, "--look", 0), "plans looks 1 to 4")


def test_plan_names_a_cell_that_equals_another(run: Any, write_spec: SpecWriter) -> None:
    spec = write_spec(TINY_SPEC.replace("cells:", "cells:\n  again: {head: fcn}"))

    result = run("plan", spec)

    assert "cell 'image' has the settings of 'again': both are trained as 'again'" in result.out
    assert "in 2 cells" in result.out


@pytest.mark.slow
def test_plan_shows_the_differences_that_the_design_can_separate(
    run: Any, write_spec: SpecWriter
) -> None:
    spec = write_spec(CAMVID_SPEC.replace("seeds: [0, 1]", "seeds: [0, 1, 2]"))

    text = " ".join(run("plan", spec, "--power").out.split())
    power = run("plan", spec, "--power", "--json").json["power"]

    assert "3 * " in text
    assert "as in paper_reduced_camvid_image_models" in text
    assert [row["seeds"] for row in power["rows"]] == [3, 5, 10, 20]
    assert_one_line(
        run("plan", spec, "--like", "study"), "--like study has no effect without --pow"
    )


def test_plan_applies_overrides(run: Any, write_spec: SpecWriter) -> None:
    plan = run("plan", write_spec(TINY_SPEC), "steps=50", "--json", "seeds=[7]").json

    assert [(t["seed"], t["settings"]["steps"]) for t in plan["trials"]] == [(7, 50), (7, 50)]


def test_address_of_rays_client_is_refused(run: Any, write_spec: SpecWriter) -> None:
    result = run("plan", write_spec(TINY_SPEC), "--address", "ray://head:10001")

    assert_one_line(result, "'ray://head:10001' is not an address that trials can run on")


def test_files_outside_the_folder_of_the_spec_are_shown(run: Any, tmp_path: Path) -> None:
    for name in ("inside/weights.safetensors", "outside.safetensors"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        save_weights({name: torch.zeros(1)}, tmp_path / name)
    spec = tmp_path / "inside" / "spec.yaml"
    cells = "image: {head: fcn, weights: weights.safetensors}\n  other: {head: fcn, weights: W}"
    text = TINY_SPEC.replace("image: {head: fcn}", cells.replace("W", "../outside.safetensors"))
    spec.write_text(text)

    result, as_json = run("plan", spec), run("plan", spec, "--json")

    outside = str(tmp_path / "outside.safetensors")
    assert f"also reads {outside}, outside the folder of the spec\n" in result.out
    assert "inside/weights" not in result.out
    assert as_json.json["files_outside"] == [outside]


def test_root_of_a_dataset_outside_the_folder_of_the_spec_is_shown(
    run: Any, tmp_path: Path
) -> None:
    spec = tmp_path / "inside" / "spec.yaml"
    spec.parent.mkdir()
    lines = ("classes: {road: [0, 0, 0], car: [255, 0, 0]}", "form: index",
             "images: '{split}/{sequence}/{number}.jpg'",
             "labels: '{split}/{sequence}/{number}.png'")  # fmt: skip
    for name, root in (("near", "frames"), ("far", "../elsewhere")):
        (spec.parent / f"{name}.yaml").write_text("\n".join([*lines, f"root: {root}"]))
    head = "{head: fcn, dataset_file: %s.yaml}"
    cells = f"image: {head % 'near'}\n  other: {head % 'far'}"
    text = TINY_SPEC.replace("dataset: synthetic\n  clips: 2", "dataset: folder")
    spec.write_text(text.replace("image: {head: fcn}", cells).replace("  memory:", "  # memory:"))

    plan = run("plan", spec, "--json").json

    assert plan["files_outside"] == [str(tmp_path / "elsewhere")]

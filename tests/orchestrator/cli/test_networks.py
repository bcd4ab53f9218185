"""Commands for trained networks, from the command line to the files they write."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from orchestrator.settings import Settings
from reports.text.format import MISSING
from tests.conftest import TINY_SPEC, TRAINED, SpecWriter, paint_camvid, paint_video
from tests.orchestrator.conftest import assert_one_line
from vss.media.video import open_source


@pytest.fixture
def trial(settings: Settings, trained_storage: Path) -> str:
    """Copy TRAINED into the test's own storage and return its id."""
    shutil.copytree(trained_storage / TRAINED.trial_id, settings.storage.folder / TRAINED.trial_id)
    return TRAINED.trial_id


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return paint_video(tmp_path / "video.mp4", 8)


@pytest.mark.slow
def test_predict_writes_a_video_and_index_pngs(run: Any, trial: str, video: Path) -> None:
    out, masks = video.parent / "out.mkv", video.parent / "masks"

    result = run("predict", trial[:6], video, "--out", out, "--masks", masks, "--no-legend")

    assert (result.code, result.err) == (0, "")
    assert result.out.startswith(f"{out}: 8 frames\n{masks}: 8 frames\n")
    assert re.search(r"frames per second: [\d.]+ for the network alone .* [\d.]+ with", result.out)
    shapes = [picture.pixels.shape for picture in open_source(out)]
    assert shapes == [(34, 46, 3)] * 8
    indices = np.asarray(Image.open(masks / "000007.png"))
    assert indices.shape == (34, 46)
    assert indices.max() < 8
    assert len(list(masks.iterdir())) == 8


@pytest.mark.slow
def test_predict_accepts_a_folder_and_a_size(run: Any, trial: str, tmp_path: Path) -> None:
    frames = paint_camvid(tmp_path / "camvid") / "test"
    out = tmp_path / "masks"

    result = run("predict", trial, frames, "--out", out, "--size", "64x48")

    assert result.code == 0
    assert "input 64x48" in result.out
    assert sorted(x.name for x in out.iterdir()) == sorted(x.name for x in frames.iterdir())


@pytest.mark.slow
def test_predict_keeps_the_frames_before_a_broken_one(
    run: Any,
    trial: str,
    tmp_path: Path,
) -> None:
    frames = paint_camvid(tmp_path / "camvid") / "test"
    third = sorted(frames.iterdir())[2]
    third.write_bytes(b"broken")
    out = tmp_path / "out.mp4"

    result = run("predict", trial, frames, "--out", out)

    assert result.code == 2
    assert_one_line(
        result, rf"cannot read image .*{third.name}: .*the 2 frames before it are in .*out.mp4"
    )
    assert open_source(out).count == 2


@pytest.mark.parametrize(
    ("options", "pattern"),
    [
        (["0000", "VIDEO", "--out", "a.mp4"], "no trial '0000'"),
        (["TRIAL", "none.mp4", "--out", "a.mp4"], "cannot read none.mp4 as a video"),
        (["TRIAL", "VIDEO", "--out", "a.gif"], "--out a.gif must end in .mp4 or .mkv"),
        (["TRIAL", "VIDEO", "--out", "VIDEO"], "video.mp4 is the input video"),
        (["TRIAL", "VIDEO", "--out", "a.mp4", "--size", "big"], "--size 'big' is not WIDTHxHEIGHT"),
    ],
)
def test_mistake_in_predict_is_reported_on_one_line(
    run: Any,
    options: list[str],
    pattern: str,
    trial: str,
    video: Path,
) -> None:
    words = {"TRIAL": trial, "VIDEO": str(video)}

    result = run("predict", *(words.get(word, word) for word in options))

    assert result.code == 2
    assert_one_line(result, pattern)
    assert list(video.parent.glob(".*unfinished*")) == []


@pytest.mark.slow
def test_evaluate_reproduces_the_score_of_the_trial(
    run: Any,
    trial: str,
    settings: Settings,
    prepared_home,
) -> None:
    result = run("evaluate", trial, "--split", "test", "--no-pictures")

    assert (result.code, result.err) == (0, "")
    assert "evaluation: mIoU on test" in result.out
    trained = json.loads((settings.storage.folder / trial / "result.json").read_text())
    score = f"{100 * trained['metrics']['miou']:.2f} (1)"
    (row,) = [line for line in result.out.splitlines() if line.startswith(f" {trial}")]
    assert score in row
    assert re.search(rf"\+0\.00 +baseline +{MISSING} ", row)  # no training time
    (entry,) = run("status", "evaluation", "--json").json["trials"]
    assert (entry["state"], entry["settings"]["steps"]) == ("FINISHED", 0)

    second_result = run("evaluate", trial, "--split", "test", "--no-pictures")
    assert second_result.code == 0
    assert "RUNNING" not in second_result.out


@pytest.mark.slow
def test_checkpoint_file_joins_the_table_of_trained_cells(
    run: Any,
    tmp_path: Path,
    settings: Settings,
    write_spec: SpecWriter,
    prepared_home,
) -> None:
    spec = write_spec(TINY_SPEC.replace("seeds: [0, 1]", "seeds: [0]"))
    assert run("submit", spec, "--in-process", "--no-pictures").code == 0
    (memory,) = [t for t in run("status", "tiny", "--json").json["trials"] if t["cell"] == "memory"]
    released = tmp_path / "released.safetensors"
    shutil.copy(settings.storage.folder / memory["trial_id"] / "weights.safetensors", released)

    result = run(
        "evaluate", released, "--like", f"{spec}:memory", "--name", "tiny", "--no-pictures"
    )

    assert result.code == 0
    rows = {line.split()[0]: line.split()[1] for line in result.out.splitlines() if " (1) " in line}
    assert list(rows) == ["image", "memory", "released"]
    assert rows["released"] == rows["memory"]


@pytest.mark.slow
def test_cell_of_an_experiment_is_scored_with_all_its_seeds(
    run: Any, write_spec: SpecWriter, prepared_home
) -> None:
    assert run("submit", write_spec(TINY_SPEC), "--in-process", "--no-pictures").code == 0

    result = run("evaluate", "tiny:memory", "--split", "val", "--no-pictures")
    without_seed = run("export", "tiny:memory")

    assert result.code == 0
    trials = run("status", "evaluation", "--json").json["trials"]
    assert [(trial["cell"], trial["seed"]) for trial in trials] == [("memory", 0), ("memory", 1)]
    assert_one_line(without_seed, r"write 'tiny:memory:0' \(seeds: 0, 1\)")


@pytest.mark.slow
def test_submit_scores_a_cell_without_steps(
    run: Any,
    tmp_path: Path,
    write_spec: SpecWriter,
    trained_storage: Path,
    prepared_home,
) -> None:
    shutil.copy(
        trained_storage / TRAINED.trial_id / "weights.safetensors", tmp_path / "w.safetensors"
    )
    cell = "{head: tma, memory_length: 2, frame_stride: 2, steps: 0, weights: w.safetensors}"
    spec = write_spec(TINY_SPEC.replace("{head: tma, memory_length: 1}", cell))

    smoke = run("submit", spec, "--smoke", "--in-process")
    result = run("submit", spec, "--in-process", "--no-pictures")

    assert (smoke.code, smoke.out) == (0, "image: ok\nmemory: ok\n")
    assert result.code == 0
    trained = json.loads((trained_storage / TRAINED.trial_id / "result.json").read_text())
    (row,) = [line for line in result.out.splitlines() if line.startswith(" memory")]
    # Both seeds score the same weights.
    assert f"{100 * trained['metrics']['miou']:.2f} ± 0.00 (2)" in row


@pytest.mark.slow
def test_evaluate_refuses_a_dataset_with_different_classes(
    run: Any,
    trial: str,
    tmp_path: Path,
    prepared_home,
) -> None:
    data = paint_camvid(tmp_path / "camvid")

    result = run("evaluate", trial, "--dataset", "camvid", "--data", f"camvid={data}")

    assert result.code == 2
    assert_one_line(result, "only in camvid: Pole, SignSymbol, Fence, Bicyclist")


@pytest.mark.slow
def test_export_writes_program_and_description(run: Any, trial: str, tmp_path: Path) -> None:
    result = run("export", trial, "--out", tmp_path / "net.pt2", "--no-onnx")

    assert (result.code, result.err) == (0, "")
    assert f"{tmp_path / 'net.pt2'}: max logit difference" in result.out
    assert "latency" in result.out
    assert json.loads((tmp_path / "net.json").read_text())["source"] == trial
    assert not (tmp_path / "net.onnx").exists()


@pytest.mark.slow
def test_export_is_named_after_the_trial_and_includes_onnx_if_installed(
    run: Any,
    trial: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("onnxruntime", reason="needs the extra vss-orch[onnx]")
    monkeypatch.chdir(tmp_path)

    result = run("export", trial)

    assert result.code == 0
    assert {x.name for x in tmp_path.glob(f"{trial}.*")} == {
        f"{trial}.pt2", f"{trial}.onnx", f"{trial}.json",
    }  # fmt: skip


def test_export_refuses_a_wrong_file_extension(run: Any, trial: str) -> None:
    result = run("export", trial, "--out", "net.pth")

    assert result.code == 2
    assert_one_line(result, "--out net.pth must end in .pt2")

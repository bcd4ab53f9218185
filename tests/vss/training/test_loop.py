"""The training loop: its files, and its independence of interruptions."""

import hashlib
import json
import math
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.conftest import TINY_MEMORY, paint_camvid, save_weights, tiny
from vss import catalog
from vss.errors import UserError
from vss.models.segmenter import build_model
from vss.training.inputs import Callbacks, Progress, TrialInputs, TrialResult
from vss.training.loop import train
from vss.training.optimization import learning_rate
from vss.training.state import CURVE_POINTS, TrainingState
from vss.trial_config import TrialConfig, parse_settings
from vss.trial_directory import STOPPED_STATE


def run(
    config: TrialConfig, folder: Path, cache: Path, data: Path | None = None, **options: Any
) -> TrialResult | None:
    callbacks = {name: options.pop(name) for name in ("report", "should_stop") if name in options}
    return train(TrialInputs(config, folder, cache, data, **options), Callbacks(**callbacks))


class Crash(Exception):
    """Raised to simulate a kill, as no code handles it."""


def crash_at(step: int) -> Callable[[], bool]:
    """Return a `should_stop` that crashes after `step` steps."""
    calls = 0

    def should_stop() -> bool:
        nonlocal calls
        calls += 1
        if calls > step:
            raise Crash
        return False

    return should_stop


def outcome(folder: Path, config: TrialConfig) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    path = folder / config.trial_id
    result = json.loads((path / "result.json").read_text())
    reproducible_fields = {
        k: v for k, v in result.items() if not k.startswith(("train_", "step_ms", "peak"))
    }
    return reproducible_fields, load_file(path / "weights.safetensors")


def assert_same(left: Path, right: Path, config: TrialConfig) -> None:
    (result, weights), (other_result, other_weights) = outcome(left, config), outcome(right, config)
    assert result == other_result
    assert all(torch.equal(weights[name], other_weights[name]) for name in weights)
    frames = [np.load(f / config.trial_id / "frames.npz")["confusion"] for f in (left, right)]
    assert np.array_equal(*frames)


@pytest.mark.slow
def test_trial_directory_is_complete(tmp_path: Path, synthetic_cache: Path) -> None:
    config = tiny()

    result = run(config, tmp_path, synthetic_cache)

    assert result is not None
    assert sorted(p.name for p in (tmp_path / config.trial_id).iterdir()) == [
        "attempt", "config.json", "curves.csv", "data.json", "environment.json", "frames.npz",
        "log-1.txt", "pictures", "result.json", "samples.npz", "weights.safetensors",
    ]  # fmt: skip
    assert len(list((tmp_path / config.trial_id / "pictures").iterdir())) == 4


@pytest.mark.slow
def test_miou_is_that_of_the_stored_confusions(tmp_path: Path, synthetic_cache: Path) -> None:
    from vss.scoring.metrics import miou

    config = tiny()

    result = run(config, tmp_path, synthetic_cache)

    frames = np.load(tmp_path / config.trial_id / "frames.npz")
    assert result is not None
    assert result.metrics["miou"] == pytest.approx(miou(frames["confusion"].sum(axis=0)))
    assert result.scored_frames == len(frames["frame"]) == 8
    assert frames["frame"][0] == "test0000/000008"


@pytest.mark.slow
def test_same_seed_gives_the_same_bits(tmp_path: Path, synthetic_cache: Path) -> None:
    config = parse_settings(TINY_MEMORY)

    run(config, tmp_path / "a", synthetic_cache)
    torch.rand(7)  # earlier random draws of the process must not matter
    run(config, tmp_path / "b", synthetic_cache)

    assert_same(tmp_path / "a", tmp_path / "b", config)


@pytest.mark.slow
def test_a_different_seed_gives_different_weights(tmp_path: Path, synthetic_cache: Path) -> None:
    weights = []
    for seed in (0, 1):
        run(tiny(seed=seed), tmp_path, synthetic_cache)
        weights.append(outcome(tmp_path, tiny(seed=seed))[1]["head.classifier.1.weight"])

    assert not torch.equal(*weights)


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
@pytest.mark.parametrize("step", [1, 2, 4])
def test_crashed_run_ends_with_the_same_bits(
    optimizer: str, step: int, tmp_path: Path, synthetic_cache: Path
) -> None:
    config = parse_settings({**TINY_MEMORY, "optimizer": optimizer, "eval_every": 2, "steps": 5})
    run(config, tmp_path / "whole", synthetic_cache)

    with pytest.raises(Crash):
        run(
            config, tmp_path / "broken", synthetic_cache,
            should_stop=crash_at(step), checkpoint_seconds=0,
        )  # fmt: skip
    run(config, tmp_path / "broken", synthetic_cache)

    assert "starting at step 0" not in last_start(tmp_path / "broken" / config.trial_id)
    assert_same(tmp_path / "whole", tmp_path / "broken", config)


def last_start(directory: Path) -> str:
    logs = sorted(directory.glob("log-*.txt"))
    return [x for x in logs[-1].read_text().splitlines() if "starting at" in x][-1]


@pytest.mark.slow
def test_evaluations_do_not_change_the_weights(tmp_path: Path, synthetic_cache: Path) -> None:
    weights = []
    for eval_every in (0, 1):
        config = tiny(eval_every=eval_every)
        run(config, tmp_path, synthetic_cache)
        weights.append(outcome(tmp_path, config)[1])

    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


@pytest.mark.slow
def test_stopped_run_resumes_from_its_checkpoint(tmp_path: Path, synthetic_cache: Path) -> None:
    config = tiny()
    answers = iter([False, False, True])

    stopped = run(config, tmp_path, synthetic_cache, should_stop=lambda: next(answers))
    finished = run(config, tmp_path, synthetic_cache)

    assert stopped is None
    assert finished is not None
    assert "starting at step 2 of 4" in last_start(tmp_path / config.trial_id)


@pytest.mark.slow
def test_finished_trial_is_not_trained_again(tmp_path: Path, synthetic_cache: Path) -> None:
    config = tiny()
    first = run(config, tmp_path, synthetic_cache)

    again = run(config, tmp_path, synthetic_cache, should_stop=crash_at(0))

    assert again == first


@pytest.mark.slow
def test_progress_reports_steps_and_scores(tmp_path: Path, synthetic_cache: Path) -> None:
    reports: list[Progress] = []

    run(tiny(eval_every=2), tmp_path, synthetic_cache, report=reports.append)

    evaluations = [report for report in reports if report.points]
    assert reports[0].step == 0
    assert [report.step for report in evaluations] == [2, 4]
    assert [steps_of("train/loss", report) for report in evaluations] == [[1, 2], [3, 4]]
    assert evaluations[-1].miou == dict(scores_of(evaluations[-1]))[4]


def steps_of(curve: str, report: Progress) -> list[int]:
    return [step for name, step, _ in report.points if name == curve]


def scores_of(report: Progress) -> list[tuple[int, float]]:
    return [(step, value) for name, step, value in report.points if name == "val/miou"]


@pytest.mark.slow
def test_resumed_trial_reports_the_points_of_earlier_attempts_again(
    tmp_path: Path, synthetic_cache: Path
) -> None:
    """Reports of the earlier attempt may have been lost with its process."""
    config = tiny(eval_every=2)
    reports: list[Progress] = []
    run(config, tmp_path, synthetic_cache, should_stop=iter([False, False, False, True]).__next__)

    run(config, tmp_path, synthetic_cache, report=reports.append)

    assert (reports[0].step, steps_of("train/loss", reports[0])) == (3, [1, 2, 3])
    assert steps_of("train/loss", reports[-1]) in ([], [4])


def test_loss_curve_reaches_the_end_without_any_evaluation(
    tmp_path: Path, synthetic_cache: Path
) -> None:
    reports: list[Progress] = []

    run(tiny(), tmp_path, synthetic_cache, report=reports.append)

    assert steps_of("train/loss", reports[-1]) == [1, 2, 3, 4]


def test_long_curves_are_means_over_windows() -> None:
    state = TrainingState(data_fingerprint="")
    steps = 4 * CURVE_POINTS
    for step in range(steps):
        state.add(float(step % 4), 0.1, steps)

    losses = [value for name, _, value in state.points if name == "train/loss"]
    assert len(losses) == CURVE_POINTS
    assert set(losses) == {1.5}


@pytest.mark.slow
def test_evaluation_before_the_first_point_of_the_curve_reports_a_loss(
    tmp_path: Path, synthetic_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vss.training.state.CURVE_POINTS", 1)
    reports: list[Progress] = []

    run(tiny(eval_every=1), tmp_path, synthetic_cache, report=reports.append)

    assert all(p.loss is not None for p in reports if p.miou is not None)


@pytest.mark.slow
def test_last_weights_are_scored_unless_the_best_are_requested(
    tmp_path: Path, synthetic_cache: Path
) -> None:
    last = run(tiny(eval_every=1), tmp_path, synthetic_cache)
    reports: list[Progress] = []
    best = run(
        tiny(eval_every=1, select="best_val"), tmp_path, synthetic_cache, report=reports.append
    )

    by_step = dict(point for report in reports for point in scores_of(report))
    assert last is not None
    assert last.scored_step == 4
    assert best is not None
    assert best.scored_step == max(by_step, key=lambda step: by_step[step])


def test_non_finite_loss_names_step_and_rate(tmp_path: Path, synthetic_cache: Path) -> None:
    config = tiny(learning_rate=1e30, optimizer="sgd", steps=20)

    with pytest.raises(
        UserError, match=r"the loss is (nan|inf) at step [1-9]\d* \(learning rate \d"
    ):
        run(config, tmp_path, synthetic_cache)


def test_resuming_on_different_data_is_refused(tmp_path: Path) -> None:
    config = tiny(dataset="camvid", clips=None)
    data = paint_camvid(tmp_path / "camvid")
    answers = iter([False, True])
    run(config, tmp_path, tmp_path / "cache", data, should_stop=lambda: next(answers))
    changed = paint_camvid(tmp_path / "other", frames=5)

    with pytest.raises(UserError, match=r"started on data with fingerprint \w+, but this data has"):
        run(config, tmp_path, tmp_path / "cache", changed)


@pytest.mark.slow
def test_camvid_trains_with_class_weights_and_zoom(camvid: Path, tmp_path: Path) -> None:
    config = tiny(
        dataset="camvid", clips=None, class_weights="median_frequency", scale_max=2.0,
        head="tma", memory_length=2, frame_stride=30,
    )  # fmt: skip

    result = run(config, tmp_path, tmp_path / "cache", camvid)

    assert result is not None
    assert result.scored_frames == 4
    assert set(result.iou) == set(catalog.DATASETS["camvid"].classes)


@pytest.mark.slow
def test_gradient_clipping_bounds_the_update(tmp_path: Path, synthetic_cache: Path) -> None:
    trained_weights = []
    for clip in (0.0, 1e-6):
        config = tiny(
            optimizer="sgd", momentum=0.0, weight_decay=0.0, gradient_clip=clip, steps=1,
            schedule="poly", learning_rate=1.0,
        )  # fmt: skip
        run(config, tmp_path, synthetic_cache)
        trained_weights.append(outcome(tmp_path, config)[1]["head.classifier.1.weight"])
    torch.manual_seed(0)
    from vss.models.segmenter import build_model

    start = build_model(tiny()).state_dict()["head.classifier.1.weight"]

    assert (trained_weights[0] - start).abs().max() > 1e-3
    assert (trained_weights[1] - start).abs().max() < 2e-6


def test_smoke_test_scores_only_a_few_frames(tmp_path: Path, synthetic_cache: Path) -> None:
    result = run(tiny(), tmp_path, synthetic_cache, max_scored_frames=3)

    assert result is not None
    assert result.scored_frames == 3


KILL_SCRIPT = """
import json, os, random, signal, sys, threading
from pathlib import Path
from tests.vss.training.test_loop import run
from vss.trial_config import parse_settings

config = parse_settings(json.loads(sys.argv[1]))
rng = random.Random(0)
for _ in range(20):
    delay = rng.uniform(0.1, 0.5)
    child = os.fork()  # importing torch again would take seconds each time
    if child == 0:
        threading.Timer(delay, os.kill, (os.getpid(), signal.SIGKILL)).start()
        run(config, Path(sys.argv[2]), Path(sys.argv[3]), checkpoint_seconds=0)
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.slow
def test_run_killed_twenty_times_ends_with_the_same_bits(
    tmp_path: Path, synthetic_cache: Path
) -> None:
    config = parse_settings({**TINY_MEMORY, "precision": "bf16", "steps": 300, "eval_every": 30})
    run(config, tmp_path / "whole", synthetic_cache)
    command = [
        sys.executable, "-c", KILL_SCRIPT, json.dumps(config.settings()),
        str(tmp_path / "killed"), str(synthetic_cache),
    ]  # fmt: skip

    process = subprocess.run(command, check=True, capture_output=True, text=True)
    run(config, tmp_path / "killed", synthetic_cache)

    assert process.stdout.split() == [str(-signal.SIGKILL)] * 20
    assert "starting at step 0 " not in last_start(tmp_path / "killed" / config.trial_id)
    assert_same(tmp_path / "whole", tmp_path / "killed", config)


@pytest.mark.slow
def test_compiled_steps_leave_the_same_weights(tmp_path: Path, synthetic_cache: Path) -> None:
    # Compiled code draws dropout masks from its own generator, so this test has no dropout.
    compiled, eager = tiny(compile=True, dropout=0.0), tiny(dropout=0.0)

    run(compiled, tmp_path, synthetic_cache)
    run(eager, tmp_path, synthetic_cache)

    ours, theirs = (
        load_file(tmp_path / config.trial_id / "weights.safetensors")
        for config in (compiled, eager)
    )
    assert ours.keys() == theirs.keys()
    torch.testing.assert_close(ours, theirs, atol=1e-3, rtol=1e-3)


def test_frozen_norms_keep_their_statistics(tmp_path: Path, synthetic_cache: Path) -> None:
    config = tiny(freeze_norm=True, eval_every=2)

    run(config, tmp_path, synthetic_cache)

    weights = load_file(tmp_path / config.trial_id / "weights.safetensors")
    means = [v for k, v in weights.items() if k.endswith("running_mean")]
    assert means
    assert all((mean == 0).all() for mean in means)


def test_non_finite_loss_names_the_last_good_checkpoint(
    tmp_path: Path, synthetic_cache: Path
) -> None:
    config = tiny(learning_rate=1e30, optimizer="sgd", steps=20)

    with pytest.raises(UserError, match=r"last good checkpoint: (step \d+|none)\)"):
        run(config, tmp_path, synthetic_cache, checkpoint_seconds=0)


@pytest.mark.slow
def test_memory_helps_if_frames_are_often_unreadable(tmp_path: Path, synthetic_cache: Path) -> None:
    """Train a scaled-down quickstart; with seeds 0 and 1, the difference is 0.04."""
    recipe = {
        "clips": 60, "frame_width": 64, "frame_height": 48, "width": 16, "head_channels": 64,
        "auxiliary_channels": 32, "batch_size": 8, "learning_rate": 4e-3, "weight_decay": 0.01,
        "schedule": "one_cycle", "steps": 250,
    }  # fmt: skip
    memory = {"head": "tma", "memory_length": 4, "share_slots": True, "position_code": 2.0}

    image = run(tiny(**recipe), tmp_path, synthetic_cache)
    video = run(tiny(**recipe, **memory), tmp_path, synthetic_cache)

    assert image is not None
    assert video is not None
    assert image.metrics["miou"] > 0.30
    assert video.metrics["miou"] > image.metrics["miou"] + 0.02
    assert math.isfinite(video.metrics["miou"])


def digest(file: Path) -> str:
    return f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}"


@pytest.mark.slow
@pytest.mark.parametrize("auxiliary", [True, False])
def test_trial_without_steps_scores_a_trained_network(
    auxiliary: bool, tmp_path: Path, synthetic_cache: Path
) -> None:
    trained = tiny()
    expected = run(trained, tmp_path, synthetic_cache)
    file = tmp_path / "released.safetensors"
    weights = load_file(tmp_path / trained.trial_id / "weights.safetensors")
    save_file({k: v for k, v in weights.items() if auxiliary or "auxiliary" not in k}, file)
    config = tiny(steps=0, weights=digest(file))

    scored = run(config, tmp_path, synthetic_cache, weights=file)

    assert scored is not None
    assert expected is not None
    assert (scored.metrics, scored.iou) == (expected.metrics, expected.iou)
    assert (scored.train_seconds, scored.scored_step) == (None, 0)
    assert scored.parameters == expected.parameters


def test_trial_without_steps_refuses_the_weights_of_a_backbone(
    tmp_path: Path, synthetic_cache: Path
) -> None:
    file = tmp_path / "backbone.safetensors"
    weights = build_model(tiny()).state_dict()
    save_weights({k: v for k, v in weights.items() if k.startswith("backbone.")}, file)

    with pytest.raises(UserError, match=r"do not fit the network: head\..* is missing"):
        run(tiny(steps=0, weights=digest(file)), tmp_path, synthetic_cache, weights=file)


@pytest.mark.parametrize(("split", "frames"), [("train", 16), ("val", 8), ("test", 8)])
def test_requested_split_is_scored(
    split: str, frames: int, tmp_path: Path, synthetic_cache: Path
) -> None:
    config = tiny(scored_split=split, steps=1)

    result = run(config, tmp_path, synthetic_cache)

    assert result is not None
    assert (result.scored_split, result.scored_frames) == (split, frames)
    scored = np.load(tmp_path / config.trial_id / "frames.npz")["frame"]
    assert all(name.startswith(split) for name in scored)


def stop_at(step: int, folder: Path, cache: Path, **options: Any) -> TrialConfig:
    """Train a tiny trial up to a step of its 6, and return its config."""
    config = tiny(steps=6, stop_step=step)
    run(config, folder, cache, **options)
    return config


def test_early_stop_follows_the_schedule_of_all_steps(
    tmp_path: Path, synthetic_cache: Path
) -> None:
    config = stop_at(4, tmp_path, synthetic_cache)

    curve = (tmp_path / config.trial_id / "curves.csv").read_text().splitlines()
    rates = [float(line.split(",")[2]) for line in curve if line.startswith("train/learning_rate")]
    result = json.loads((tmp_path / config.trial_id / "result.json").read_text())
    assert result["scored_step"] == 4
    assert rates == [learning_rate(config, step) for step in range(4)]


@pytest.mark.slow
def test_training_that_goes_on_after_an_early_stop_ends_with_the_same_bits(
    tmp_path: Path, synthetic_cache: Path
) -> None:
    whole, resumed = tmp_path / "whole", tmp_path / "resumed"
    config = tiny(steps=6)
    run(config, whole, synthetic_cache)
    first = stop_at(2, resumed, synthetic_cache)
    second = stop_at(
        4, resumed, synthetic_cache, stopped_state=resumed / first.trial_id / STOPPED_STATE
    )

    run(
        config,
        resumed,
        synthetic_cache,
        stopped_state=resumed / second.trial_id / STOPPED_STATE,
    )

    assert_same(whole, resumed, config)
    assert "starting at step 4 of 6" in (resumed / config.trial_id / "log-1.txt").read_text()


@pytest.mark.slow
def test_training_whose_early_stop_left_nothing_begins_anew(
    tmp_path: Path, synthetic_cache: Path
) -> None:
    config = stop_at(4, tmp_path, synthetic_cache, stopped_state=tmp_path / "lost" / STOPPED_STATE)

    log = (tmp_path / config.trial_id / "log-1.txt").read_text()
    assert "going on from trial lost, which has left no state: beginning anew" in log
    assert "starting at step 0 of 4 of 6" in log

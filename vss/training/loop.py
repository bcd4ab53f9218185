"""One training, from settings to scores.

Everything random at step i is drawn from generators seeded by (seed, i): a training that is
stopped and resumed, at whatever step, ends with the same bits on the same machine (CPU), and
scoring in between changes nothing.
"""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from numpy.random import SeedSequence
from torch import Tensor

from vss.data.batches import Batches
from vss.data.cache import DecodedVideo, decode
from vss.data.clips import Clip, count_matches, keep_needed_frames, list_clips
from vss.data.dataset import VideoDataset, load_dataset
from vss.errors import UserError
from vss.inference.windows import autocast
from vss.models.segmenter import VideoSegmenter, build_model, count_parameters
from vss.runtime.clock import StepClock
from vss.runtime.environment import describe_environment
from vss.runtime.peak_memory import PeakMemory
from vss.scoring.score import Scores, score, write_scores
from vss.training.distillation import answers, distillation_loss, load_teacher
from vss.training.losses import (
    HardPixels,
    labelled_weight,
    median_frequency_weights,
    segmentation_loss,
)
from vss.training.multi_gpu import ALONE, Workers, run_together
from vss.training.optimization import build_optimizer, learning_rate
from vss.trial.directory import TrialDirectory
from vss.trial_config import TrialConfig

CURVE_POINTS = 200  # of the loss, over a whole training
REPORT_SECONDS = 1.0


@dataclass(frozen=True)
class Progress:
    """Where a training stands.

    Attributes:
        step: optimiser steps done.
        loss: newest point of the loss curve, or None before the first.
        miou: newest score on val, or None before the first.
        curve: (step, mean loss, learning rate) points since the last scoring; only when scored.
        scores: metric -> value on val at this step; only when scored.
    """

    step: int
    loss: float | None
    miou: float | None
    curve: Sequence[tuple[int, float, float]] = ()
    scores: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class TrialResult:
    """What a trial measured: fractions, seconds, milliseconds and MiB, as the names say.

    Attributes:
        scored_split: the split that the scores are of.
        scored_frames: labelled frames in it.
        scored_step: the step whose weights were scored: the last, or the best on val.
        metrics: metric -> value, for every metric of `vss/scoring/metrics.py`.
        iou: class -> IoU, None where the class occurs in neither label nor prediction.
        train_seconds: optimiser steps only, over all attempts; None below 4 steps.
        parameters: trainable numbers used at inference.
    """

    scored_split: str
    scored_frames: int
    scored_step: int
    metrics: Mapping[str, float]
    iou: Mapping[str, float | None]
    train_seconds: float | None
    step_ms_median: float | None
    step_ms_p95: float | None
    parameters: int
    peak_memory_mib: float
    data_fingerprint: str


def train(
    config: TrialConfig,
    dataset: VideoDataset,
    directory: TrialDirectory,
    *,
    cache: Path,
    device: torch.device,
    threads: int,
    trials_on_device: int = 1,
    workers: Workers = ALONE,
    weights_path: Path | None = None,
    teacher: TrialConfig | None = None,
    teacher_weights: Path | None = None,
    report: Callable[[Progress], None] = lambda progress: None,
    should_stop: Callable[[], bool] = lambda: False,
    checkpoint_seconds: float = 20.0,
    max_scored_frames: int | None = None,
) -> TrialResult | None:
    """Train and score one trial, or go on where an earlier attempt stopped.

    Args:
        config: the trial.
        dataset: its data.
        directory: where checkpoints and results go.
        cache: folder of decoded frames, shared by all trials of a machine.
        device: where to run.
        threads: for the CPU; the same number gives the same bits.
        trials_on_device: how many may run side by side there, this one included; recorded.
        workers: the processes that share every batch; the directory of all but the first is
            read-only.
        weights_path: the file whose digest `config.weights` holds.
        teacher: the trial that `config.teacher` names.
        teacher_weights: what it left; None teaches at random (for a smoke test).
        report: called about once a second, and at every scoring.
        should_stop: asked before every step.
        checkpoint_seconds: time between checkpoints.
        max_scored_frames: score only the first of each split (for a smoke test).

    Returns:
        the result, or None if it was told to stop (a checkpoint is then left).

    Raises:
        UserError: if data cannot be read or the loss is not finite.
    """
    if (finished := directory.result()) is not None:
        _check_data(directory, finished["data_fingerprint"], dataset)
        return TrialResult(**finished)
    torch.set_num_threads(threads)
    memory = PeakMemory(device)
    torch.manual_seed(config.seed)
    model = build_model(config, weights_path).to(device)
    master = None
    if teacher is not None:
        master = load_teacher(teacher, config, teacher_weights).to(device)
    model.train()  # which leaves frozen batch norms as they are
    optimizer = build_optimizer(config, model)
    dataset = keep_needed_frames(dataset, config.memory_length, config.frame_stride)
    video = decode(dataset, config.frame_width, config.frame_height, cache)
    clips = _clips(config, dataset, max_scored_frames)
    _check_splits(config, clips)
    directory.write_json("data.json", _describe_data(config, dataset, video, clips))
    batches = Batches(config, video, clips["train"], device, workers.share(config.batch_size))
    class_weights = _class_weights(config, video, clips["train"], device)
    hard = None
    if config.ohem_threshold > 0:
        hard = HardPixels(config.ohem_threshold, config.ohem_min_share)
    state = _State(dataset.fingerprint)
    if (saved := directory.load()) is not None:
        state = _State(**saved["state"])
        _check_data(directory, state.data_fingerprint, dataset)
        state.saved_step = state.step
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
    trained = workers.wrap(torch.compile(model) if config.compile else model, device)
    clock = StepClock(device, state.step_seconds)
    directory.log(f"starts at step {state.step} of {config.steps} on {device}, {threads} threads")
    report(state.progress())
    reported = checkpointed = time.monotonic()

    while state.step < config.steps:
        if workers.agree(should_stop(), device):
            directory.save(state.snapshot(model, optimizer))
            directory.log(f"stopped at step {state.step}")
            return None

        clock.start()
        rate = learning_rate(config, state.step)
        for group in optimizer.param_groups:
            group["lr"] = rate
        _seed_step(config, state.step, workers.rank)
        images, labels = batches.of(state.step)
        with autocast(config, device):
            outputs = trained(images)
        loss = segmentation_loss(outputs, model.loss_weights, labels, class_weights, hard)
        if master is not None and teacher is not None:
            with autocast(teacher, device):
                told = answers(master, images)
            taught = distillation_loss(outputs[0], told, labels, config.temperature)
            loss = loss + config.distillation_weight * taught
        loss = workers.weigh(loss, labelled_weight(labels, class_weights))
        shown = workers.mean(loss).item()
        _check_finite(shown, state, rate, directory)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if config.gradient_clip > 0:
            torch.nn.utils.clip_grad_norm_(model.parameters(), config.gradient_clip)
        optimizer.step()
        clock.stop()
        state.add(shown, rate, config.steps)

        if config.eval_every > 0 and state.step % config.eval_every == 0:
            found = score(model, config, video, clips["val"], device, thorough=False).metrics
            state.miou = found["miou"]
            state.points += [(f"val/{name}", state.step, value) for name, value in found.items()]
            if config.select == "best_val" and found["miou"] > state.best_miou:
                state.keep_best(model)
            directory.log(f"step {state.step}: loss {state.loss:.4f}, val mIoU {state.miou:.4f}")
            report(state.progress(found))
            state.curve = []
        now = time.monotonic()
        if now - checkpointed >= checkpoint_seconds:
            directory.save(state.snapshot(model, optimizer))
            checkpointed, state.saved_step = now, state.step
        if now - reported >= REPORT_SECONDS:
            report(state.progress())
            reported = now

    directory.save(state.snapshot(model, optimizer))  # the scoring below may take long
    if state.best_weights:
        model.load_state_dict(state.best_weights)
    scored_clips = clips[config.scored_split][:max_scored_frames]
    scored = score(model, config, video, scored_clips, device)
    report(Progress(state.step, state.loss, state.miou, curve=state.curve))
    result = _result(config, state, scored, clock, model, memory)
    directory.write_weights(model.state_dict())
    write_scores(directory, video, scored_clips, scored, dataset.classes)
    directory.write_curves(state.points)
    directory.write_json(
        "environment.json",
        {**describe_environment(device, threads), "trials_on_device": trials_on_device},
    )
    directory.finish(asdict(result))
    directory.log(f"finished: {config.scored_split} mIoU {result.metrics['miou']:.4f}")
    return result


def train_on_gpus(
    count: int,
    config: TrialConfig,
    data: Path | None,
    directory: TrialDirectory,
    options: Mapping[str, Any],
    report: Callable[[Progress], None],
    should_stop: Callable[[], bool],
    device_type: str = "cuda",
) -> TrialResult | None:
    """`train` on several GPUs of this machine; see `vss/training/multi_gpu.py`.

    Args:
        count: of GPUs.
        config: the trial.
        data: folder of the dataset.
        directory: the trial's; its attempt is that of all processes.
        options: further arguments of `train`, as they can be passed to a process.
        report: called about once a second, and at every scoring.
        should_stop: asked all the time.
        device_type: cpu, for a test.
    """
    arguments = (config, data, directory.path.parent, directory.attempt, dict(options))
    found: TrialResult | None = run_together(
        count, device_type, _train_share, arguments, report, should_stop
    )
    return found


def _train_share(
    workers: Workers,
    device: torch.device,
    config: TrialConfig,
    data: Path | None,
    storage: Path,
    attempt: int,
    options: Mapping[str, Any],
    **told: Any,
) -> TrialResult | None:
    """One of the processes."""
    dataset = load_dataset(config, data)
    directory = TrialDirectory(storage, config, attempt, read_only=workers.rank > 0)
    return train(config, dataset, directory, device=device, workers=workers, **options, **told)


@dataclass
class _State:
    """What changes from step to step, besides weights and optimiser."""

    data_fingerprint: str
    step: int = 0
    saved_step: int = 0  # of the newest checkpoint; 0 if there is none
    step_seconds: list[float] = field(default_factory=list)
    window: list[float] = field(default_factory=list)  # losses since the last curve point
    curve: list[tuple[int, float, float]] = field(default_factory=list)  # not yet reported
    points: list[tuple[str, int, float]] = field(default_factory=list)  # of all curves so far
    loss: float | None = None
    miou: float | None = None
    best_miou: float = -1.0
    best_step: int = 0
    best_weights: dict[str, Tensor] = field(default_factory=dict)

    def add(self, loss: float, rate: float, steps: int) -> None:
        """Count a step."""
        self.step += 1
        self.window.append(loss)
        self.loss = loss if self.loss is None else self.loss
        if len(self.window) >= max(1, steps // CURVE_POINTS) or self.step == steps:
            self.loss = sum(self.window) / len(self.window)
            self.curve.append((self.step, self.loss, rate))
            self.points += [
                ("train/loss", self.step, self.loss),
                ("train/learning_rate", self.step, rate),
            ]
            self.window = []

    def keep_best(self, model: torch.nn.Module) -> None:
        assert self.miou is not None  # noqa: S101  # called just after scoring
        self.best_miou, self.best_step = self.miou, self.step
        self.best_weights = {k: v.detach().cpu().clone() for k, v in model.state_dict().items()}

    def progress(self, found: Mapping[str, float] | None = None) -> Progress:
        curve = tuple(self.curve) if found is not None else ()
        return Progress(self.step, self.loss, self.miou, curve, found or {})

    def snapshot(self, model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
        return {
            "state": vars(self),
            "model": model.state_dict(),
            "optimizer": optimizer.state_dict(),
        }


def _clips(
    config: TrialConfig, dataset: VideoDataset, max_scored: int | None
) -> dict[str, list[Clip]]:
    length, stride = config.memory_length, config.frame_stride
    return {
        "train": list_clips(dataset.frames, "train", length, stride),
        "val": list_clips(dataset.frames, "val", length, stride)[:max_scored],
        "test": list_clips(dataset.frames, "test", length, stride)[:max_scored],
    }


def _check_splits(config: TrialConfig, clips: Mapping[str, Sequence[Clip]]) -> None:
    needed = {config.scored_split: "scored_split", "train": "a training"}
    if config.eval_every > 0:
        needed["val"] = "eval_every"
    for split, needs in needed.items():
        if not clips[split]:
            raise UserError(
                f"split '{split}' of {config.dataset} has no labelled frame, and {needs} needs "
                "one: set scored_split or eval_every to what there is"
            )


def _describe_data(
    config: TrialConfig,
    dataset: VideoDataset,
    video: DecodedVideo,
    clips: Mapping[str, Sequence[Clip]],
) -> dict[str, Any]:
    """What the trial saw: its frames, and how far apart those of the memories are."""
    stride = config.frame_stride
    return {
        "fingerprint": dataset.fingerprint,
        "classes": list(config.class_names),
        "decoded_mib": (video.images.nbytes + video.labels.nbytes) / 2**20,
        "labelled_frames": {split: len(found) for split, found in clips.items()},
        "frame_stride": stride,
        "memory_frames": {
            split: count_matches(dataset.frames, found, stride) for split, found in clips.items()
        },
    }


def _class_weights(
    config: TrialConfig, video: DecodedVideo, clips: Sequence[Clip], device: torch.device
) -> Tensor | None:
    if isinstance(config.class_weights, list):
        return torch.tensor(config.class_weights, device=device)
    if config.class_weights == "none":
        return None
    return median_frequency_weights(video, clips, len(config.class_names)).to(device)


def _seed_step(config: TrialConfig, step: int, rank: int) -> None:
    """Seed dropout; each process drops other channels."""
    entropy = [config.seed, step, 0, *([rank] if rank else [])]
    torch.manual_seed(int(SeedSequence(entropy).generate_state(1)[0]))


def _check_finite(loss: float, state: "_State", rate: float, directory: TrialDirectory) -> None:
    if not math.isfinite(loss):
        saved = f"that of step {state.saved_step}" if state.saved_step else "none yet"
        message = (
            f"the loss is {loss} at step {state.step} (learning rate {rate:.2e}; last good "
            f"checkpoint: {saved}): lower learning_rate, or set gradient_clip"
        )
        directory.log(message)
        raise UserError(message)


def _check_data(directory: TrialDirectory, recorded: str, dataset: VideoDataset) -> None:
    if recorded != dataset.fingerprint:
        raise UserError(
            f"trial {directory.path.name} was begun on data with fingerprint {recorded[:12]}, now "
            f"it is {dataset.fingerprint[:12]}: give the data of then, or use another folder"
        )


def _result(
    config: TrialConfig,
    state: _State,
    scored: Scores,
    clock: StepClock,
    model: VideoSegmenter,
    memory: PeakMemory,
) -> TrialResult:
    return TrialResult(
        scored_split=config.scored_split,
        scored_frames=len(scored.frames),
        scored_step=state.best_step if state.best_weights else config.steps,
        metrics=scored.metrics,
        iou=scored.iou,
        parameters=count_parameters(model),
        peak_memory_mib=memory.mib(),
        data_fingerprint=state.data_fingerprint,
        **clock.summary(config.steps),
    )

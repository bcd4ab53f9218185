"""The training loop, from settings to scores.

Everything random at step i is drawn from generators seeded by (seed, i): a run that is stopped and
resumed, at any step, ends with the same bits on the same machine (CPU), and evaluations along the
way change nothing.
"""

import math
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import torch
from numpy.random import SeedSequence
from torch import Tensor

from vss.data.batches import Batches
from vss.data.cache import DecodedVideo, decode
from vss.data.clips import Clip, keep_needed_frames
from vss.data.dataset import VideoDataset, load_dataset
from vss.errors import UserError
from vss.inference.windows import autocast
from vss.models.segmenter import VideoSegmenter, build_model, count_parameters
from vss.runtime.clock import StepClock
from vss.runtime.environment import describe_environment
from vss.runtime.peak_memory import PeakMemory
from vss.saved_state import load_stopped_state
from vss.scoring.score import Scores, score, write_scores
from vss.training.distillation import distillation_loss, load_teacher, teacher_logits
from vss.training.inputs import Callbacks, TrialInputs, TrialResult
from vss.training.losses import (
    HardPixels,
    labelled_weight,
    median_frequency_weights,
    segmentation_loss,
)
from vss.training.multi_gpu import SINGLE_PROCESS, Replica
from vss.training.optimization import build_optimizer, learning_rate
from vss.training.pace import Pace
from vss.training.pictures import ProgressPictures
from vss.training.state import TrainingState, restore
from vss.training.trial_data import (
    check_fingerprint,
    check_splits,
    describe_data,
    list_clips_by_split,
)
from vss.trial_config import TrialConfig
from vss.trial_directory import TrialDirectory

REPORT_SECONDS = 1.0
LOG_SECONDS = 30.0


def train(
    inputs: TrialInputs, callbacks: Callbacks | None = None, replica: Replica = SINGLE_PROCESS
) -> TrialResult | None:
    """Train and score one trial, or continue where an earlier attempt stopped.

    Args:
        inputs: the trial and all that it needs.
        callbacks: the functions to call while it runs.
        replica: this process among those that share every batch; all but the first only read the
            trial directory.

    Returns:
        the result, or None if the trial was stopped, leaving a checkpoint.

    Raises:
        UserError: if the data cannot be read or has changed, or the loss is not finite.
        StaleAttemptError: if a newer attempt owns the trial directory.
    """
    config, device, threads = inputs.config, replica.device, inputs.compute.threads
    callbacks = callbacks or Callbacks()
    dataset = load_dataset(config, inputs.data)
    check_fingerprint(inputs, dataset)
    directory = TrialDirectory(
        inputs.storage, config, inputs.attempt, replica.rank > 0, callbacks.storage
    )
    if (earlier_result := directory.result()) is not None:
        _check_data(directory, earlier_result["data_fingerprint"], dataset)
        return TrialResult(**earlier_result)
    torch.set_num_threads(threads)
    peak_memory = PeakMemory(device)
    torch.manual_seed(config.seed)
    model = build_model(config, inputs.weights).to(device)
    teacher = None
    if inputs.teacher is not None:
        teacher = load_teacher(inputs.teacher, config, inputs.teacher_weights).to(device)
    model.train()  # frozen batch norms stay in eval mode
    optimizer = build_optimizer(config, model)
    dataset = keep_needed_frames(dataset, config.memory_length, config.frame_stride)
    width, height = config.frame_width, config.frame_height
    video = decode(dataset, width, height, inputs.cache, inputs.cache_gb)
    clips = list_clips_by_split(config, dataset, inputs.max_scored_frames)
    check_splits(config, clips)
    directory.write_json("data.json", describe_data(config, dataset, video, clips))
    batches = Batches(config, video, clips["train"], device, replica.share(config.batch_size))
    class_weights = _class_weights(config, video, clips["train"], device)
    pictures = ProgressPictures(inputs, video, clips["val"], dataset.classes)
    hard_pixels = None
    if config.ohem_threshold > 0:
        hard_pixels = HardPixels(config.ohem_threshold, config.ohem_min_share)
    state = TrainingState(dataset.fingerprint)
    if (checkpoint := directory.load() or _load_stopped(inputs, directory)) is not None:
        state = restore(checkpoint, model, optimizer, config.trial_id, config.last_step)
        _check_data(directory, state.data_fingerprint, dataset)
    wrapped_model = replica.wrap(torch.compile(model) if config.compile else model)
    clock = StepClock(device, state.step_seconds)
    pace = Pace(clock, batches)
    end = f"{config.last_step}" + (f" of {config.steps}" if config.stop_step else "")
    directory.log(f"starting at step {state.step} of {end}, {device}, {threads} threads")
    callbacks.report(state.progress(with_points=True))
    reported_at = saved_at = logged_at = time.monotonic()

    while state.step < config.last_step:
        if replica.agree(callbacks.should_stop()):
            directory.save(state.snapshot(model, optimizer))
            directory.log(f"stopped at step {state.step}")
            return None

        clock.start()
        rate = learning_rate(config, state.step)
        for group in optimizer.param_groups:
            group["lr"] = rate
        _seed_step(config, state.step, replica.rank)
        images, labels = batches.batch(state.step)
        with autocast(config, device):
            outputs = wrapped_model(images)
        loss = segmentation_loss(outputs, model.loss_weights, labels, class_weights, hard_pixels)
        if teacher is not None and inputs.teacher is not None:
            with autocast(inputs.teacher, device):
                target = teacher_logits(teacher, images)
            distillation = distillation_loss(outputs[0], target, labels, config.temperature)
            loss = loss + config.distillation_weight * distillation
        loss = replica.weigh(loss, labelled_weight(labels, class_weights))
        batch_loss = replica.mean(loss).item()
        _check_finite(batch_loss, state, rate, directory)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if config.gradient_clip > 0:
            torch.nn.utils.clip_grad_norm_(model.parameters(), config.gradient_clip)
        optimizer.step()
        clock.stop()
        state.add(batch_loss, rate, config.steps)

        if config.eval_every > 0 and state.step % config.eval_every == 0:
            kept = pictures.due_at(state.step)
            predicted = score(model, config, video, clips["val"], device, False, kept)
            scores = predicted.metrics
            state.miou = scores["miou"]
            state.points += [(f"val/{name}", state.step, value) for name, value in scores.items()]
            if config.select == "best_val" and scores["miou"] > state.best_miou:
                state.keep_best(model)
            directory.log(f"step {state.step}: loss {state.loss:.4f}, val mIoU {state.miou:.4f}")
            drawn = pictures.draw(predicted, state.step)
            callbacks.report(replace(state.progress(with_points=True), pictures=drawn))
        now = time.monotonic()
        if now - saved_at >= inputs.checkpoint_seconds:
            if directory.try_save(state.snapshot(model, optimizer)):
                state.saved_step = state.step
            saved_at = now
        if now - logged_at >= LOG_SECONDS:
            directory.log(f"step {state.step}: loss {state.loss:.4f}")
            logged_at = now
        if now - reported_at >= REPORT_SECONDS:
            callbacks.report(state.progress(pace=pace.take()))
            reported_at = now

    directory.save(state.snapshot(model, optimizer))  # the evaluation below may take a while
    if state.best_weights:
        model.load_state_dict(state.best_weights)
    scored_clips = clips[config.scored_split][: inputs.max_scored_frames]
    scored = score(model, config, video, scored_clips, device)
    callbacks.report(state.progress(with_points=True))
    result = _result(config, state, scored, clock, model, peak_memory)
    directory.write_weights(model.state_dict())
    write_scores(directory, video, scored_clips, scored, dataset.classes)
    directory.write_curves(state.points)
    environment = describe_environment(device, threads)
    directory.write_json(
        "environment.json", {**environment, "trials_on_device": inputs.trials_on_device}
    )
    directory.finish(asdict(result), keeps_state=config.stop_step > 0)
    directory.log(f"finished: {config.scored_split} mIoU {result.metrics['miou']:.4f}")
    return result


def _load_stopped(inputs: TrialInputs, directory: TrialDirectory) -> dict[str, Any] | None:
    """Load the state in which an earlier trial stopped this training; None to begin anew."""
    state = None
    if (path := inputs.stopped_state) is not None:
        state = load_stopped_state(path)
        lost = ", which has left no state: beginning anew" if state is None else ""
        directory.log(f"going on from trial {path.parent.name}{lost}")
    return state


def _class_weights(
    config: TrialConfig, video: DecodedVideo, clips: Sequence[Clip], device: torch.device
) -> Tensor | None:
    if isinstance(config.class_weights, list):
        return torch.tensor(config.class_weights, device=device)
    if config.class_weights == "none":
        return None
    return median_frequency_weights(video, clips, len(config.class_names)).to(device)


def _seed_step(config: TrialConfig, step: int, rank: int) -> None:
    """Seed the dropout of a step, differently in each process."""
    entropy = [config.seed, step, 0, *([rank] if rank else [])]
    torch.manual_seed(int(SeedSequence(entropy).generate_state(1)[0]))


def _check_finite(
    loss: float, state: TrainingState, rate: float, directory: TrialDirectory
) -> None:
    if not math.isfinite(loss):
        checkpoint = f"step {state.saved_step}" if state.saved_step else "none"
        message = (
            f"the loss is {loss} at step {state.step} (learning rate {rate:.2e}; last good "
            f"checkpoint: {checkpoint}): lower learning_rate, or set gradient_clip"
        )
        directory.log(message)
        raise UserError(message)


def _check_data(directory: TrialDirectory, fingerprint: str, dataset: VideoDataset) -> None:
    if fingerprint != dataset.fingerprint:
        raise UserError(
            f"trial {directory.path.name} started on data with fingerprint {fingerprint[:12]}, but "
            f"this data has {dataset.fingerprint[:12]}: use the original data, or a different "
            "storage folder"
        )


def _result(
    config: TrialConfig,
    state: TrainingState,
    scored: Scores,
    clock: StepClock,
    model: VideoSegmenter,
    peak_memory: PeakMemory,
) -> TrialResult:
    return TrialResult(
        scored_split=config.scored_split,
        scored_frames=len(scored.frames),
        scored_step=state.best_step if state.best_weights else config.last_step,
        metrics=scored.metrics,
        iou=scored.iou,
        parameters=count_parameters(model),
        peak_memory_mib=peak_memory.mib(),
        data_fingerprint=state.data_fingerprint,
        **clock.summary(config.last_step),
    )

"""Segment a video file frame by frame with a trained network, and measure the speed.

One frame is processed at a time, and the stream keeps only as many frames as its memory spans, so
RAM use does not depend on the length of the video. Every frame is predicted as a whole: sliding
windows apply only to scoring.
Shapes: K classes, H W size of the video, h w size of the network's input.
"""

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from vss.data.tensors import normalise
from vss.errors import UserError
from vss.inference.streaming import Stream
from vss.inference.windows import autocast
from vss.inference.writers import PredictionWriter
from vss.media.image import Image, resize_image
from vss.media.video import BrokenVideoError, Source, VideoFrame
from vss.models.layers import resize
from vss.models.segmenter import VideoSegmenter
from vss.runtime.clock import WARM_UP_STEPS, synchronise
from vss.runtime.environment import device_name
from vss.trial_config import TrialConfig, parse_settings


@dataclass(frozen=True)
class PredictionStatistics:
    """The counts and times of a predicted video.

    Attributes:
        frames: the number of predicted frames.
        damaged_frames: the number of predicted frames that the decoder had to repair.
        seconds: the time from the first timed frame to the last, including reading and writing.
        network_seconds: the part of it that turns decoded frames into classes.
        timed_frames: the number of frames that both times cover: all but the first few, which
            warm up.
    """

    frames: int
    damaged_frames: int
    seconds: float
    network_seconds: float
    timed_frames: int

    @property
    def rate(self) -> float:
        """Frames per second, including reading and writing."""
        return self.timed_frames / self.seconds if self.timed_frames else float("nan")

    @property
    def network_rate(self) -> float:
        """Frames per second of the network alone."""
        return self.timed_frames / self.network_seconds if self.timed_frames else float("nan")


def with_frame_size(config: TrialConfig, size: str | None) -> TrialConfig:
    """Return the trial with a different frame size, given as "WIDTHxHEIGHT".

    Raises:
        UserError: if the size is malformed or too small.
    """
    if size is None:
        return config
    match = re.fullmatch(r"(\d+)x(\d+)", size)
    if match is None:
        raise UserError(f"--size '{size}' is not WIDTHxHEIGHT, for example 480x360")
    return parse_settings(
        {**config.settings(), "frame_width": int(match[1]), "frame_height": int(match[2])}
    )


def move_to_best_device(model: VideoSegmenter) -> VideoSegmenter:
    """Move a network to the GPU, if there is one."""
    return model.to("cuda" if torch.cuda.is_available() else "cpu")


def format_speed(
    statistics: PredictionStatistics, config: TrialConfig, model: VideoSegmenter
) -> str:
    """Format the speed with its conditions."""
    device = next(model.parameters()).device
    threads = f", {torch.get_num_threads()} threads" if device.type == "cpu" else ""
    damage = f"; damaged frames: {statistics.damaged_frames}" if statistics.damaged_frames else ""
    if statistics.timed_frames == 0:
        return f"too few frames to time: the first {WARM_UP_STEPS} only warm up{damage}"
    return (
        f"frames per second: {statistics.network_rate:.1f} for the network alone (from a decoded "
        f"frame to its classes), {statistics.rate:.1f} with reading and writing; input "
        f"{config.frame_width}x{config.frame_height}, batch 1, {config.precision}, streaming, on "
        f"{device_name(device)}{threads}; excluding the first {WARM_UP_STEPS} frames{damage}"
    )


def predict_video(
    model: VideoSegmenter,
    config: TrialConfig,
    source: Source,
    writers: Sequence[PredictionWriter],
    report: Callable[[int], None] = lambda frames: None,
) -> PredictionStatistics:
    """Segment a video frame by frame.

    Args:
        model: the trial's network, in eval mode, on the device to use.
        config: the trial; frames are resized to its size, predictions back to the video's.
        source: the video.
        writers: the destinations of the predictions.
        report: called after each frame with the number of frames so far.

    Raises:
        BrokenVideoError: if the video is damaged; the frames before the damage are written.
        UserError: if no frame could be predicted; nothing is written then.
    """
    try:
        statistics = _predict(model, config, source, writers, report)
    except BrokenVideoError as error:
        _close(writers, finish=error.frames > 0)
        paths = ", ".join(str(writer.path) for writer in writers)
        count = error.frames
        subject = "the frame before it is" if count == 1 else f"the {count} frames before it are"
        rest = f"; {subject} in {paths}" if count else ""
        raise BrokenVideoError(f"{error}{rest}", error.frames) from None
    except BaseException:  # including Ctrl-C: half a video under its final name would mislead
        _close(writers, finish=False)
        raise
    _close(writers, finish=statistics.frames > 0)
    if statistics.frames == 0:
        raise UserError(f"{source.path} contains no frames")
    return statistics


def _close(writers: Sequence[PredictionWriter], finish: bool) -> None:
    """Finish all writers; if one cannot, discard it and those after it."""
    unfinished = list(writers)
    try:
        while finish and unfinished:
            unfinished[0].finish()
            del unfinished[0]
    finally:
        for writer in unfinished:
            writer.discard()


def _predict(
    model: VideoSegmenter,
    config: TrialConfig,
    source: Source,
    writers: Sequence[PredictionWriter],
    report: Callable[[int], None],
) -> PredictionStatistics:
    stream, device = Stream(model, config.frame_stride), next(model.parameters()).device
    frames = damaged_frames = 0
    network_seconds, shape, start = 0.0, None, time.perf_counter()
    for frame in source:
        if shape is not None and frame.pixels.shape != shape:
            raise _size_error(frame, shape, frames)
        shape = frame.pixels.shape
        frame_start = time.perf_counter()
        classes = classify_frame(stream, config, frame.pixels, device)
        frame_seconds = time.perf_counter() - frame_start
        for writer in writers:
            writer.write(frame, classes)
        frames += 1
        damaged_frames += frame.is_damaged
        if frames <= WARM_UP_STEPS:
            start = time.perf_counter()
        else:
            network_seconds += frame_seconds
        report(frames)
    seconds = time.perf_counter() - start
    timed_frames = max(0, frames - WARM_UP_STEPS)
    return PredictionStatistics(frames, damaged_frames, seconds, network_seconds, timed_frames)


def classify_frame(
    stream: Stream, config: TrialConfig, pixels: Image, device: torch.device
) -> Image:
    """Segment the next frame of a stream.

    Args:
        stream: a stream through the trial's network.
        config: the trial.
        pixels: (H, W, 3) RGB.
        device: the network's device.

    Returns:
        (H, W) class indices.

    Raises:
        UserError: if a logit is not finite, as the largest one would be meaningless.
    """
    resized = resize_image(pixels, config.frame_width, config.frame_height)
    frame = torch.tensor(resized, device=device)
    with torch.inference_mode(), autocast(config, device):
        logits = stream.step(normalise(frame)[None])
        if not logits.isfinite().all():
            raise UserError(
                "the network's output is not finite: check that the weights come from a finished "
                "trial"
            )
        # On a CPU, argmax takes 14 times as long as max, which finds the same index.
        indices: Tensor = resize(logits, pixels.shape[:2]).max(dim=1).indices
    classes = indices[0].to(torch.uint8).cpu().numpy()
    synchronise(device)
    return classes


def _size_error(frame: VideoFrame, expected: tuple[int, ...], frames: int) -> BrokenVideoError:
    height, width = frame.pixels.shape[:2]
    return BrokenVideoError(
        f"frame {frame.name} is {width}x{height} pixels, but earlier frames are "
        f"{expected[1]}x{expected[0]}",
        frames,
    )

"""A trained network on a real video, frame by frame, and how fast that was.

One frame is in work at a time, and the stream keeps what its memory reaches back to: a video of any
length takes the same memory. Every frame is predicted; sliding windows (a setting of scoring) are
not for streaming: the whole frame is seen at once.
Shapes: K classes, H W the size of the video, h w that of the network's input.
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
from vss.inference.writers import Writer
from vss.media.image import Image, resize_image
from vss.media.video import BrokenVideoError, Picture, Source
from vss.models.layers import resize
from vss.models.segmenter import VideoSegmenter
from vss.runtime.clock import WARM_UP_STEPS, synchronise
from vss.runtime.environment import device_name
from vss.trial_config import TrialConfig, parse


@dataclass(frozen=True)
class Predicted:
    """What became of a video.

    Attributes:
        frames: that were predicted.
        damaged: of them, those that the decoder had to patch up.
        seconds: from the first frame to the last, reading and writing included.
        network_seconds: of them, from a frame in memory to its classes.
        timed_frames: that these count: all but the first few, which warm up.
    """

    frames: int
    damaged: int
    seconds: float
    network_seconds: float
    timed_frames: int

    @property
    def rate(self) -> float:
        """Frames per second with reading and writing."""
        return self.timed_frames / self.seconds if self.timed_frames else float("nan")

    @property
    def network_rate(self) -> float:
        """Frames per second of the network alone."""
        return self.timed_frames / self.network_seconds if self.timed_frames else float("nan")


def at_size(config: TrialConfig, size: str | None) -> TrialConfig:
    """A trial whose frames are resize_image to another size, "WIDTHxHEIGHT".

    Raises:
        UserError: if it is not of this form, or too small.
    """
    if size is None:
        return config
    found = re.fullmatch(r"(\d+)x(\d+)", size)
    if found is None:
        raise UserError(f"--size '{size}' is not WIDTHxHEIGHT, for example 480x360")
    return parse({**config.settings(), "frame_width": int(found[1]), "frame_height": int(found[2])})


def on_best_device(model: VideoSegmenter) -> VideoSegmenter:
    """Move a network to the GPU, if there is one."""
    return model.to("cuda" if torch.cuda.is_available() else "cpu")


def summary(done: Predicted, config: TrialConfig, model: VideoSegmenter) -> str:
    """The speed, with its conditions."""
    device = next(model.parameters()).device
    threads = f", {torch.get_num_threads()} threads" if device.type == "cpu" else ""
    damaged = f"; damaged frames: {done.damaged}" if done.damaged else ""
    if done.timed_frames == 0:
        return f"too few frames to time: the first {WARM_UP_STEPS} are left out{damaged}"
    return (
        f"frames per second: {done.network_rate:.1f} of the network alone (from a frame in memory "
        f"to its classes), {done.rate:.1f} of the whole with reading and writing; input "
        f"{config.frame_width}x{config.frame_height}, batch 1, {config.precision}, streaming, on "
        f"{device_name(device)}{threads}; the first {WARM_UP_STEPS} frames left out{damaged}"
    )


def predict_video(
    model: VideoSegmenter,
    config: TrialConfig,
    source: Source,
    writers: Sequence[Writer],
    report: Callable[[int], None] = lambda frames: None,
) -> Predicted:
    """Segment a video frame by frame.

    Args:
        model: of the trial, in eval mode, on the device to use.
        config: the trial; frames are resize_image to its size, predictions back to the video's.
        source: the video.
        writers: what is made of the predictions.
        report: told after each frame how many are done.

    Raises:
        BrokenVideoError: if the video breaks off; what came before is written and finished.
        UserError: if nothing could be predicted; nothing is left then.
    """
    try:
        done = _predict(model, config, source, writers, report)
    except BrokenVideoError as error:
        _end(writers, finish=error.frames > 0)
        kept = ", ".join(str(writer.path) for writer in writers)
        left = f"; {kept} holds the {error.frames} frames before it" if error.frames else ""
        raise BrokenVideoError(f"{error}{left}", error.frames) from None
    except BaseException:  # Ctrl-C too: half a video under its full name would deceive
        _end(writers, finish=False)
        raise
    _end(writers, finish=done.frames > 0)
    if done.frames == 0:
        raise UserError(f"{source.path} holds no frame")
    return done


def _end(writers: Sequence[Writer], finish: bool) -> None:
    for writer in writers:
        if finish:
            writer.finish()
        else:
            writer.discard()


def _predict(
    model: VideoSegmenter,
    config: TrialConfig,
    source: Source,
    writers: Sequence[Writer],
    report: Callable[[int], None],
) -> Predicted:
    stream, device = Stream(model, config.frame_stride), next(model.parameters()).device
    frames = damaged = 0
    network_seconds, shape, began = 0.0, None, time.perf_counter()
    for picture in source:
        if shape is not None and picture.pixels.shape != shape:
            raise _size_changed(picture, shape, frames)
        shape = picture.pixels.shape
        started = time.perf_counter()
        classes = classify(stream, config, picture.pixels, device)
        taken = time.perf_counter() - started
        for writer in writers:
            writer.write(picture, classes)
        frames += 1
        damaged += picture.damaged
        if frames <= WARM_UP_STEPS:
            began = time.perf_counter()
        else:
            network_seconds += taken
        report(frames)
    seconds = time.perf_counter() - began
    timed = max(0, frames - WARM_UP_STEPS)
    return Predicted(frames, damaged, seconds, network_seconds, timed)


def classify(stream: Stream, config: TrialConfig, pixels: Image, device: torch.device) -> Image:
    """Segment the next frame of a stream.

    Args:
        stream: of the trial's network.
        config: the trial.
        pixels: (H, W, 3) RGB.
        device: of the network.

    Returns:
        (H, W) class indices.

    Raises:
        UserError: if the prediction is not finite: its largest logit would be any class.
    """
    frame = torch.tensor(
        resize_image(pixels, config.frame_width, config.frame_height), device=device
    )
    with torch.inference_mode(), autocast(config, device):
        logits = stream.step(normalise(frame)[None])
        if not logits.isfinite().all():
            raise UserError("the prediction is not finite: were the weights trained to their end?")
        # On a CPU argmax takes 14 times as long as max, which finds the same.
        classes: Tensor = resize(logits, pixels.shape[:2]).max(dim=1).indices
    found = classes[0].to(torch.uint8).cpu().numpy()
    synchronise(device)
    return found


def _size_changed(picture: Picture, before: tuple[int, ...], frames: int) -> BrokenVideoError:
    height, width = picture.pixels.shape[:2]
    return BrokenVideoError(
        f"frame {picture.name} is {width}x{height} pixels, those before it are "
        f"{before[1]}x{before[0]}",
        frames,
    )

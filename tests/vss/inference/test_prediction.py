"""Predictions of a trained network on a video."""

import weakref
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.conftest import TRAINED, paint_video
from vss.data.clips import list_clips
from vss.data.dataset import Frame
from vss.data.tensors import normalise
from vss.errors import UserError
from vss.inference.prediction import format_speed, predict_video, with_frame_size
from vss.inference.trained_network import load_trained_network, read_trained_network
from vss.inference.windows import predict
from vss.media.image import Image, resize_image
from vss.media.video import BrokenVideoError, Source, VideoFrame, open_source
from vss.models.segmenter import VideoSegmenter


class ListWriter:
    """A writer that stores predictions in a list."""

    def __init__(self) -> None:
        self.path = Path("stored")
        self.classes: list[Image] = []
        self.state = "open"

    def write(self, frame: VideoFrame, classes: Image) -> None:
        assert classes.shape == frame.pixels.shape[:2]
        self.classes.append(classes)

    def finish(self) -> None:
        self.state = "finished"

    def discard(self) -> None:
        self.state = "discarded"


class CountingWriter(ListWriter):
    """A writer that stores nothing, and counts the arrays that are alive."""

    def __init__(self) -> None:
        super().__init__()
        self.alive: list[weakref.ref[Image]] = []
        self.largest_count = 0

    def write(self, frame: VideoFrame, classes: Image) -> None:
        self.alive += [weakref.ref(frame.pixels), weakref.ref(classes)]
        count = sum(array() is not None for array in self.alive)
        self.largest_count = max(self.largest_count, count)


class GeneratedSource(Source):
    """A source of generated frames, whose path may name the frame at which it breaks."""

    def __iter__(self) -> Iterator[VideoFrame]:
        for number in range(self.count or 0):
            if self.path.name == f"breaks{number}":
                raise BrokenVideoError(f"breaks at frame {number}", number)
            pixels = np.full((40, 50, 3), 5 * number % 256, dtype=np.uint8)
            yield VideoFrame(pixels, f"{number:06d}", number, is_damaged=number == 1)


def generate(frames: int, path: str = "generated") -> GeneratedSource:
    return GeneratedSource(Path(path), Fraction(25), Fraction(1, 25), frames)


@pytest.fixture
def model(trained_storage: Path) -> VideoSegmenter:
    return load_trained_network(read_trained_network(trained_storage / TRAINED.trial_id))


@pytest.mark.slow
def test_classes_equal_those_of_whole_clips_at_the_trials_stride(
    model: VideoSegmenter, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    for parameter in model.head.parameters():  # after a few steps it predicts only a few classes
        torch.nn.init.normal_(parameter, std=1.0)
    source = open_source(paint_video(tmp_path / "video.mp4", 9))
    pixels = [frame.pixels for frame in source]
    writer, other_writer = ListWriter(), ListWriter()

    predict_video(model, TRAINED, source, [writer])
    predict_video(model, TRAINED.model_copy(update={"frame_stride": 1}), source, [other_writer])

    small = torch.from_numpy(np.stack([resize_image(frame, 48, 32) for frame in pixels]))
    # Frame numbers are multiples of 10, as the rule also accepts frames that are one number off.
    dataset_frames = [Frame("test", "video", 10 * number, "", "label") for number in range(9)]
    clips = list_clips(dataset_frames, "test", TRAINED.memory_length, 10 * TRAINED.frame_stride)
    assert TRAINED.frame_stride > 1
    for clip, classes in zip(clips, writer.classes, strict=True):
        images = normalise(small[[*clip.memory, clip.target]])[None]
        with torch.inference_mode():
            logits = predict(model, TRAINED, images, pixels[0].shape[:2])
        expected = logits.argmax(dim=1)[0].numpy()
        # Streaming rounds differently, so pixels on an edge between classes may go either way.
        assert (classes == expected).mean() > 0.999
    assert len(np.unique(writer.classes)) > 1
    assert (np.array(writer.classes) != np.array(other_writer.classes)).mean() > 0.005
    assert writer.state == "finished"


@pytest.mark.slow
def test_ram_use_does_not_grow_with_the_video(model: VideoSegmenter) -> None:
    largest_counts = {}
    for frames in (50, 400):
        writer = CountingWriter()
        predict_video(model, TRAINED, generate(frames), [writer])
        largest_counts[frames] = writer.largest_count

    assert largest_counts[50] == largest_counts[400] <= 4


def test_speeds_and_damage_are_counted(model: VideoSegmenter) -> None:
    progress: list[int] = []

    statistics = predict_video(model, TRAINED, generate(8), [], progress.append)

    assert progress == [1, 2, 3, 4, 5, 6, 7, 8]
    assert (statistics.frames, statistics.damaged_frames, statistics.timed_frames) == (8, 1, 5)
    assert 0 < statistics.network_seconds < statistics.seconds
    assert statistics.network_rate > statistics.rate
    text = format_speed(statistics, TRAINED, model)
    assert f"{statistics.network_rate:.1f} for the network alone" in text
    assert f"{statistics.rate:.1f} with reading and writing" in text
    assert "input 48x32, batch 1, fp32, streaming" in text
    assert text.endswith("; damaged frames: 1")


def test_too_few_frames_give_no_speed(model: VideoSegmenter) -> None:
    statistics = predict_video(model, TRAINED, generate(3), [])

    text = format_speed(statistics, TRAINED, model)
    assert text.startswith("too few frames to time: the first 3 only warm up")


def test_broken_video_keeps_the_frames_before_it_breaks(model: VideoSegmenter) -> None:
    writer = ListWriter()

    with pytest.raises(
        BrokenVideoError, match="breaks at frame 5; the 5 frames before it are in stored"
    ):
        predict_video(model, TRAINED, generate(8, "breaks5"), [writer])

    assert (len(writer.classes), writer.state) == (5, "finished")


def test_video_that_breaks_after_one_frame_keeps_it(model: VideoSegmenter) -> None:
    with pytest.raises(BrokenVideoError, match="the frame before it is in stored"):
        predict_video(model, TRAINED, generate(8, "breaks1"), [ListWriter()])


def test_video_that_breaks_at_its_first_frame_leaves_nothing(model: VideoSegmenter) -> None:
    writer = ListWriter()

    with pytest.raises(BrokenVideoError, match="breaks at frame 0$"):
        predict_video(model, TRAINED, generate(8, "breaks0"), [writer])

    assert writer.state == "discarded"


def test_video_without_a_frame_leaves_nothing(model: VideoSegmenter) -> None:
    writer = ListWriter()

    with pytest.raises(UserError, match="generated contains no frames"):
        predict_video(model, TRAINED, generate(0), [writer])

    assert writer.state == "discarded"


def test_interruption_leaves_nothing(model: VideoSegmenter) -> None:
    writer = ListWriter()

    def interrupt(frames: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        predict_video(model, TRAINED, generate(8), [writer], interrupt)

    assert writer.state == "discarded"


def test_frame_of_a_different_size_ends_the_video(
    model: VideoSegmenter,
) -> None:
    class MixedSizeSource(Source):
        def __iter__(self) -> Iterator[VideoFrame]:
            yield VideoFrame(np.zeros((40, 50, 3), np.uint8), "a", 0)
            yield VideoFrame(np.zeros((40, 60, 3), np.uint8), "b", 1)

    with pytest.raises(
        BrokenVideoError, match="frame b is 60x40 pixels, but earlier frames are 50x"
    ):
        predict_video(
            model,
            TRAINED,
            MixedSizeSource(Path("mixed"), Fraction(25), Fraction(1, 25), 2),
            [ListWriter()],
        )


def test_prediction_that_is_not_finite_is_refused(model: VideoSegmenter) -> None:
    with torch.no_grad():
        next(model.head.parameters()).fill_(torch.nan)

    with pytest.raises(UserError, match="the network's output is not finite"):
        predict_video(model, TRAINED, generate(2), [])


def test_network_may_run_at_a_different_frame_size(model: VideoSegmenter) -> None:
    config = with_frame_size(TRAINED, "64x40")
    writer = ListWriter()

    predict_video(model, config, generate(3), [writer])

    assert (config.frame_width, config.frame_height) == (64, 40)
    assert with_frame_size(TRAINED, None) == TRAINED
    assert writer.classes[0].shape == (40, 50)


@pytest.mark.parametrize("size", ["64", "64x", "x40", "big", "64x40x3", "8x8"])
def test_malformed_size_is_refused(size: str) -> None:
    with pytest.raises(UserError, match=r"--size|frame_width"):
        with_frame_size(TRAINED, size)

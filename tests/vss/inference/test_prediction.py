"""A trained network on a video."""

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
from vss.inference.prediction import at_size, predict_video, summary
from vss.inference.trained_network import load, read_trial
from vss.inference.windows import predict
from vss.media.image import Image, resize_image
from vss.media.video import BrokenVideoError, Picture, Source, open_source
from vss.models.segmenter import VideoSegmenter


class Kept:
    """A writer that keeps what it is given."""

    def __init__(self) -> None:
        self.path = Path("kept")
        self.classes: list[Image] = []
        self.ended = ""

    def write(self, picture: Picture, classes: Image) -> None:
        assert classes.shape == picture.pixels.shape[:2]
        self.classes.append(classes)

    def finish(self) -> None:
        self.ended = "finished"

    def discard(self) -> None:
        self.ended = "discarded"


class Forgetful(Kept):
    """A writer that keeps nothing but knows how many predictions are alive."""

    def __init__(self) -> None:
        super().__init__()
        self.alive: list[weakref.ref[Image]] = []
        self.most = 0

    def write(self, picture: Picture, classes: Image) -> None:
        self.alive += [weakref.ref(picture.pixels), weakref.ref(classes)]
        self.most = max(self.most, sum(frame() is not None for frame in self.alive))


class Painted(Source):
    """Frames made up on the spot; breaks off where told."""

    def __iter__(self) -> Iterator[Picture]:
        for number in range(self.count or 0):
            if self.path.name == f"breaks{number}":
                raise BrokenVideoError(f"breaks at frame {number}", number)
            pixels = np.full((40, 50, 3), 5 * number % 256, dtype=np.uint8)
            yield Picture(pixels, f"{number:06d}", number, damaged=number == 1)


def painted(frames: int, path: str = "painted") -> Painted:
    return Painted(Path(path), Fraction(25), Fraction(1, 25), frames)


@pytest.fixture
def model(trained_storage: Path) -> VideoSegmenter:
    return load(read_trial(trained_storage / TRAINED.trial_id))


def test_classes_are_those_of_the_clip_form_at_the_trials_stride(
    model: VideoSegmenter, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    for parameter in model.head.parameters():  # so few steps have not taught it many classes
        torch.nn.init.normal_(parameter, std=1.0)
    source = open_source(paint_video(tmp_path / "video.mp4", 9))
    pixels = [picture.pixels for picture in source]
    kept, otherwise = Kept(), Kept()

    predict_video(model, TRAINED, source, [kept])
    predict_video(model, TRAINED.model_copy(update={"frame_stride": 1}), source, [otherwise])

    small = torch.from_numpy(np.stack([resize_image(frame, 48, 32) for frame in pixels]))
    # Numbers in tens: a frame one number off, which the rule takes too, is never there.
    listed = [Frame("test", "video", 10 * number, "", "label") for number in range(9)]
    clips = list_clips(listed, "test", TRAINED.memory_length, 10 * TRAINED.frame_stride)
    assert TRAINED.frame_stride > 1
    for clip, found in zip(clips, kept.classes, strict=True):
        images = normalise(small[[*clip.memory, clip.target]])[None]
        with torch.inference_mode():
            logits = predict(model, TRAINED, images, pixels[0].shape[:2])
        expected = logits.argmax(dim=1)[0].numpy()
        # Streaming rounds differently: pixels on an edge between classes may fall to either side.
        assert (found == expected).mean() > 0.999
    assert len(np.unique(kept.classes)) > 1
    assert (np.array(kept.classes) != np.array(otherwise.classes)).mean() > 0.005
    assert kept.ended == "finished"


def test_memory_does_not_grow_with_the_video(model: VideoSegmenter) -> None:
    most = {}
    for frames in (50, 400):
        writer = Forgetful()
        predict_video(model, TRAINED, painted(frames), [writer])
        most[frames] = writer.most

    assert most[50] == most[400] <= 4


def test_speeds_and_damage_are_counted(model: VideoSegmenter) -> None:
    told: list[int] = []

    done = predict_video(model, TRAINED, painted(8), [], told.append)

    assert told == [1, 2, 3, 4, 5, 6, 7, 8]
    assert (done.frames, done.damaged, done.timed_frames) == (8, 1, 5)
    assert 0 < done.network_seconds < done.seconds
    assert done.network_rate > done.rate
    said = summary(done, TRAINED, model)
    assert f"{done.network_rate:.1f} of the network alone" in said
    assert f"{done.rate:.1f} of the whole with reading and writing" in said
    assert "input 48x32, batch 1, fp32, streaming" in said
    assert said.endswith("; damaged frames: 1")


def test_too_few_frames_give_no_speed(model: VideoSegmenter) -> None:
    done = predict_video(model, TRAINED, painted(3), [])

    assert summary(done, TRAINED, model).startswith("too few frames to time: the first 3 are left")


def test_video_that_breaks_keeps_what_came_before(model: VideoSegmenter) -> None:
    kept = Kept()

    with pytest.raises(
        BrokenVideoError, match="breaks at frame 5; kept holds the 5 frames before it"
    ):
        predict_video(model, TRAINED, painted(8, "breaks5"), [kept])

    assert (len(kept.classes), kept.ended) == (5, "finished")


def test_video_that_breaks_at_once_leaves_nothing(model: VideoSegmenter) -> None:
    kept = Kept()

    with pytest.raises(BrokenVideoError, match="breaks at frame 0$"):
        predict_video(model, TRAINED, painted(8, "breaks0"), [kept])

    assert kept.ended == "discarded"


def test_video_without_a_frame_leaves_nothing(model: VideoSegmenter) -> None:
    kept = Kept()

    with pytest.raises(UserError, match="painted holds no frame"):
        predict_video(model, TRAINED, painted(0), [kept])

    assert kept.ended == "discarded"


def test_interruption_leaves_nothing(model: VideoSegmenter) -> None:
    kept = Kept()

    def interrupt(frames: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        predict_video(model, TRAINED, painted(8), [kept], interrupt)

    assert kept.ended == "discarded"


def test_frame_of_another_size_ends_the_video_with_both_sizes(
    model: VideoSegmenter,
) -> None:
    class Mixed(Source):
        def __iter__(self) -> Iterator[Picture]:
            yield Picture(np.zeros((40, 50, 3), np.uint8), "a", 0)
            yield Picture(np.zeros((40, 60, 3), np.uint8), "b", 1)

    with pytest.raises(BrokenVideoError, match="frame b is 60x40 pixels, those before it are 50x"):
        predict_video(
            model, TRAINED, Mixed(Path("mixed"), Fraction(25), Fraction(1, 25), 2), [Kept()]
        )


def test_prediction_that_is_not_finite_is_refused(model: VideoSegmenter) -> None:
    with torch.no_grad():
        next(model.head.parameters()).fill_(torch.nan)

    with pytest.raises(UserError, match="the prediction is not finite"):
        predict_video(model, TRAINED, painted(2), [])


def test_network_may_see_frames_at_another_size(model: VideoSegmenter) -> None:
    config = at_size(TRAINED, "64x40")
    kept = Kept()

    predict_video(model, config, painted(3), [kept])

    assert (config.frame_width, config.frame_height) == (64, 40)
    assert at_size(TRAINED, None) == TRAINED
    assert kept.classes[0].shape == (40, 50)


@pytest.mark.parametrize("size", ["64", "64x", "x40", "big", "64x40x3", "8x8"])
def test_size_that_is_none_is_refused(size: str) -> None:
    with pytest.raises(UserError, match=r"--size|frame_width"):
        at_size(TRAINED, size)

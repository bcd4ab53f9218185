"""Pictures of predictions while a network trains."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import tiny
from vss.data.cache import DecodedVideo, decode
from vss.data.clips import list_clips
from vss.data.dataset import load_dataset
from vss.scoring.score import Scores
from vss.training.inputs import Callbacks, Picture, Progress, TrialInputs
from vss.training.loop import train
from vss.training.pictures import MOST_STEPS, ProgressPictures


def pictures_of(cache: Path, count: int, **settings: int) -> tuple[ProgressPictures, DecodedVideo]:
    config = tiny(**settings)
    dataset = load_dataset(config, None)
    video = decode(dataset, config.frame_width, config.frame_height, cache, None)
    clips = list_clips(dataset.frames, "val", 0, 1)
    inputs = TrialInputs(config, Path(), cache, pictured_frames=count)
    return ProgressPictures(inputs, video, clips, dataset.classes), video


@pytest.mark.slow
def test_same_frames_are_drawn_at_every_evaluation(tmp_path: Path, synthetic_cache: Path) -> None:
    pictures: list[Picture] = []

    def report(progress: Progress) -> None:
        pictures.extend(progress.pictures)

    config = tiny(eval_every=2, steps=4)
    train(
        TrialInputs(config, tmp_path, synthetic_cache, pictured_frames=2),
        Callbacks(report=report),
    )

    assert [picture.step for picture in pictures] == [2, 2, 4, 4]
    first, second, *later = (picture.frame for picture in pictures)
    assert first != second
    assert later == [first, second]
    drawn = Image.open(io.BytesIO(pictures[0].png))
    assert drawn.size == (2 * 96, 2 * 64)  # four panels at the size of labels


def test_no_pictures_are_drawn_unless_asked_for(tmp_path: Path, synthetic_cache: Path) -> None:
    reports: list[Progress] = []

    train(
        TrialInputs(tiny(eval_every=2), tmp_path, synthetic_cache), Callbacks(report=reports.append)
    )

    assert not any(progress.pictures for progress in reports)


def test_steps_of_pictures_are_few_and_include_first_and_last(synthetic_cache: Path) -> None:
    pictures, _ = pictures_of(synthetic_cache, 1, steps=10_000, eval_every=10)

    steps = [step for step in range(10, 10_001, 10) if pictures.due_at(step)]

    assert len(steps) == MOST_STEPS
    assert (steps[0], steps[-1]) == (10, 10_000)


def test_training_without_evaluations_has_no_pictures(synthetic_cache: Path) -> None:
    pictures, _ = pictures_of(synthetic_cache, 1, eval_every=0)

    assert not any(pictures.due_at(step) for step in range(5))


def test_large_frames_make_small_pictures(
    synthetic_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vss.training.pictures.LONGEST_SIDE", 24)
    pictures, video = pictures_of(synthetic_cache, 1)
    prediction = np.zeros(video.labels.shape[1:], dtype=np.uint8)
    scores = Scores(["a"], [], np.zeros((1, 1, 1)), samples={0: prediction})

    (picture,) = pictures.draw(scores, step=1)

    assert Image.open(io.BytesIO(picture.png)).size == (2 * 24, 2 * 16)


def test_errors_are_drawn_in_the_colour_of_the_wrong_class(synthetic_cache: Path) -> None:
    pictures, video = pictures_of(synthetic_cache, 1)
    first_clip = list_clips(load_dataset(tiny(), None).frames, "val", 0, 1)[0]
    label = video.labels[video.label_rows[first_clip.target]]
    prediction = label.copy()
    prediction[:, :10] = 1
    scores = Scores(["a"], [], np.zeros((1, 1, 1)), samples={0: prediction})

    (picture,) = pictures.draw(scores, step=1)

    pixels = np.asarray(Image.open(io.BytesIO(picture.png)))
    errors = pixels[label.shape[0] :, label.shape[1] :]
    road = pixels[label.shape[0], 0]
    is_wrong = prediction != label
    assert (errors[is_wrong] == road).all()
    assert (errors[~is_wrong & (label < 255)] == 255).all()

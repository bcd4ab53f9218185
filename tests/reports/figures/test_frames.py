"""The choice of frames, and the pictures of them."""

import io
from dataclasses import replace

import numpy as np
from PIL import Image

from reports.figures.frames import (
    PANEL_WIDTH,
    choose_frames,
    draw_panels,
)
from reports.records import ExperimentRecord, Sample
from tests.reports.conftest import finished_run, record, with_samples


def with_correct_pixels(correct: dict[str, tuple[int, int]]) -> ExperimentRecord:
    """Make two cells from their numbers of correct pixels of ten: frame -> (baseline, cell)."""
    pixels = np.zeros((1, 10), dtype=np.uint8)
    sample = Sample(np.zeros((1, 10, 3), dtype=np.uint8), pixels, pixels)
    runs = []
    for index, cell in enumerate(("base", "new")):
        confusions = np.zeros((len(correct), 2, 2), dtype=np.int64)
        confusions[:, 0, 0] = [counts[index] for counts in correct.values()]
        confusions[:, 0, 1] = 10 - confusions[:, 0, 0]
        runs += [
            finished_run(
                cell, seed, 0.5, frames=list(correct), classes=["road", "sky"],
                confusions=confusions, samples=dict.fromkeys(correct, sample) if seed else {},
            )
            for seed in (0, 1, 2)
        ]  # fmt: skip
    return record(runs)


def test_best_median_and_worst_frame_are_chosen() -> None:
    frames = choose_frames(
        with_correct_pixels({"s/1": (5, 5), "s/2": (5, 9), "s/3": (9, 5)}), "new"
    )

    assert [(frame.name, frame.rank) for frame in frames] == [
        ("s/2", "best"),
        ("s/1", "median"),
        ("s/3", "worst"),
    ]
    assert frames[0].difference > 0 > frames[2].difference


def test_only_frame_is_chosen_once() -> None:
    frames = choose_frames(with_correct_pixels({"s/1": (5, 6)}), "new")

    assert [frame.rank for frame in frames] == ["best"]


def test_no_frame_is_chosen_without_samples_of_both_cells(study: ExperimentRecord) -> None:
    assert choose_frames(study, "new") == []


def test_picture_shows_where_predictions_differ(study: ExperimentRecord) -> None:
    study_with_samples = with_samples(study)
    (frame,) = choose_frames(study_with_samples, "new")

    panels = draw_panels(study_with_samples, frame)

    headings = [heading for heading, _ in panels]
    assert headings == ["frame", "label", "base", "new", "where they differ"]
    with Image.open(io.BytesIO(panels[-1][1])) as image:
        pixels = np.asarray(image.convert("RGB"))
    assert pixels.shape[1] == PANEL_WIDTH
    last = pixels[pixels.shape[0] // 2]
    assert tuple(last[10]) == (235, 235, 235)  # both right
    assert tuple(last[int(3.5 / 6 * PANEL_WIDTH)]) == (30, 100, 200)  # only the cell right
    assert tuple(last[int(5.5 / 6 * PANEL_WIDTH)]) == (120, 120, 120)  # not labelled


def test_picture_is_the_same_every_time(study: ExperimentRecord) -> None:
    study_with_samples = with_samples(replace(study, name="a"))
    (frame,) = choose_frames(study_with_samples, "new")

    assert draw_panels(study_with_samples, frame) == draw_panels(study_with_samples, frame)

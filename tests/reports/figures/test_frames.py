"""Frames chosen by rule, and what is drawn of them."""

import io
from dataclasses import replace

import numpy as np
from PIL import Image

from reports.figures.frames import PANEL_WIDTH, choose, picture
from reports.records import ExperimentRecord, Sample
from tests.reports.conftest import finished, record, with_samples


def of_frames(right: dict[str, tuple[int, int]]) -> ExperimentRecord:
    """Two cells; of each frame's ten pixels so many are right (baseline, cell)."""
    nothing = np.zeros((1, 10), dtype=np.uint8)
    sample = Sample(np.zeros((1, 10, 3), dtype=np.uint8), nothing, nothing)
    runs = []
    for place, cell in enumerate(("base", "new")):
        confusions = np.zeros((len(right), 2, 2), dtype=np.int64)
        confusions[:, 0, 0] = [counts[place] for counts in right.values()]
        confusions[:, 0, 1] = 10 - confusions[:, 0, 0]
        runs += [
            finished(
                cell, seed, 0.5, frames=list(right), classes=["road", "sky"],
                confusions=confusions, samples=dict.fromkeys(right, sample) if seed else {},
            )
            for seed in (0, 1, 2)
        ]  # fmt: skip
    return record(runs)


def test_best_median_and_worst_frame_are_chosen() -> None:
    found = choose(of_frames({"s/1": (5, 5), "s/2": (5, 9), "s/3": (9, 5)}), "new")

    assert [(c.frame, c.rank) for c in found] == [
        ("s/2", "best"),
        ("s/1", "median"),
        ("s/3", "worst"),
    ]
    assert found[0].difference > 0 > found[2].difference


def test_one_frame_is_shown_once() -> None:
    assert [c.rank for c in choose(of_frames({"s/1": (5, 6)}), "new")] == ["best"]


def test_without_samples_of_both_nothing_is_chosen(study: ExperimentRecord) -> None:
    assert choose(study, "new") == []


def test_picture_shows_where_predictions_differ(study: ExperimentRecord) -> None:
    sampled = with_samples(study)
    (chosen,) = choose(sampled, "new")

    with Image.open(io.BytesIO(picture(sampled, "new", chosen))) as image:
        pixels = np.asarray(image.convert("RGB"))

    assert pixels.shape[1] == 5 * PANEL_WIDTH
    middle = pixels[pixels.shape[0] // 2]
    last = middle[4 * PANEL_WIDTH :]
    assert tuple(last[10]) == (235, 235, 235)  # both right
    assert tuple(last[int(3.5 / 6 * PANEL_WIDTH)]) == (30, 100, 200)  # only the cell right
    assert tuple(last[int(5.5 / 6 * PANEL_WIDTH)]) == (120, 120, 120)  # unlabelled


def test_picture_is_the_same_every_time(study: ExperimentRecord) -> None:
    sampled = with_samples(replace(study, name="a"))
    (chosen,) = choose(sampled, "new")

    assert picture(sampled, "new", chosen) == picture(sampled, "new", chosen)

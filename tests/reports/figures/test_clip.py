"""The clip of label, baseline and cell."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from reports.figures import clip
from reports.figures.clip import choose_clip, draw_clip
from reports.records import ExperimentRecord, Sample
from tests.reports.conftest import with_samples


def sampled_at(study: ExperimentRecord, *names: str) -> ExperimentRecord:
    """Give seed 0 of every cell a sample of each frame: a wall that moves to the right."""
    pictured = with_samples(study)
    label = np.zeros((4, 6), dtype=np.uint8)
    samples = {}
    for number, name in enumerate(names):
        moved = label.copy()
        moved[:, : number % 6] = 1
        samples[name] = Sample(np.zeros((4, 6, 3), dtype=np.uint8), moved, moved)
    runs = [replace(run, samples=samples) if run.seed == 0 else run for run in pictured.runs]
    return replace(pictured, runs=runs)


def test_longest_run_of_evenly_spaced_frames_is_chosen(study: ExperimentRecord) -> None:
    frames = ["a/1", "a/9", *(f"b/{number:02d}" for number in range(2, 20, 2)), "b/19", "odd"]

    assert choose_clip(sampled_at(study, *frames), "new") == frames[2:11]


def test_few_or_scattered_frames_make_no_clip(study: ExperimentRecord) -> None:
    assert choose_clip(sampled_at(study, "a/1", "a/2", "a/3"), "new") == []
    scattered = [f"a/{number**2}" for number in range(1, 12)]
    assert choose_clip(sampled_at(study, *scattered), "new") == []
    assert choose_clip(study, "new") == []


def test_clip_has_a_panel_each_for_label_baseline_and_cell(study: ExperimentRecord) -> None:
    frames = [f"a/{number}" for number in range(6)]

    content = draw_clip(sampled_at(study, *frames), "new", frames)

    assert content is not None
    with Image.open(io.BytesIO(content)) as picture:
        assert (picture.format, getattr(picture, "n_frames", 1)) == ("WEBP", 6)
        assert picture.width == 3 * 320


def test_clip_beyond_the_limit_is_smaller_or_left_out(
    study: ExperimentRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = [f"a/{number}" for number in range(6)]
    record = sampled_at(study, *frames)
    size = len(draw_clip(record, "new", frames) or b"")

    monkeypatch.setattr(clip, "MAX_BYTES", size - 1)
    smaller = draw_clip(record, "new", frames)
    monkeypatch.setattr(clip, "MAX_BYTES", 10)

    assert smaller is not None
    assert len(smaller) < size
    assert draw_clip(record, "new", frames) is None

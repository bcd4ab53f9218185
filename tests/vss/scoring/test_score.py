"""The scores of whole splits."""

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from tests.conftest import tiny
from tests.vss.training.test_loop import run
from vss.data.dataset import Frame
from vss.errors import UserError
from vss.models.segmenter import VideoSegmenter
from vss.scoring import score


def test_prediction_that_is_not_finite_is_refused(
    tmp_path: Path, synthetic_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def predict_nan(
        self: VideoSegmenter, clip: torch.Tensor, size: tuple[int, int]
    ) -> torch.Tensor:
        return torch.full((len(clip), 8, *size), math.nan)

    monkeypatch.setattr(VideoSegmenter, "predict", predict_nan)

    with pytest.raises(UserError, match="is not finite .* lower learning_rate"):
        run(tiny(), tmp_path, synthetic_cache)


def test_samples_are_successive_frames_of_one_sequence_and_some_of_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of 10 samples, 4 follow each other in the longest sequence, at its beginning."""
    names = ["short"] * 5 + ["long"] * 40 + ["other"] * 30
    frames = [Frame("test", name, number, "", "") for number, name in enumerate(names)]
    video: Any = SimpleNamespace(frames=frames)
    monkeypatch.setattr(score, "_count_samples", lambda video: 10)

    clips: list[Any] = [SimpleNamespace(target=number) for number in range(75)]
    positions = score._choose_samples(video, clips)

    assert {5, 6, 7, 8} <= positions
    assert {0, 74} <= positions
    assert len(positions) <= 10

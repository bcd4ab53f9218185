"""The scores of whole splits."""

import math
from pathlib import Path

import pytest
import torch

from tests.conftest import tiny
from tests.vss.training.test_loop import run
from vss.errors import UserError
from vss.models.segmenter import VideoSegmenter


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

"""Sliding windows."""

import pytest
import torch

from tests.conftest import tiny
from vss.inference.windows import predict, window_slices
from vss.models.segmenter import VideoSegmenter, build_model


class Echo(VideoSegmenter):
    """A network that returns the first channel of the last frame plus the number of the call."""

    def __init__(self) -> None:
        torch.nn.Module.__init__(self)
        self.sizes: list[tuple[int, ...]] = []

    def predict(self, clip, size):  # type: ignore[no-untyped-def]
        self.sizes.append(tuple(clip.shape[-2:]))
        return clip[:, -1, :1] + len(self.sizes)


def test_last_window_is_moved_back_to_the_edge() -> None:
    """TMANet has four windows on CamVid: 640 pixels every 512, on 720x960."""
    assert [(w.start, w.stop) for w in window_slices(720, 640, 512)] == [(0, 640), (80, 720)]
    assert [(w.start, w.stop) for w in window_slices(960, 640, 512)] == [(0, 640), (320, 960)]


def test_frame_smaller_than_the_window_is_one_window() -> None:
    assert list(window_slices(30, 64, 32)) == [slice(0, 30)]


def test_overlapping_windows_are_averaged_and_cover_all_pixels() -> None:
    model = Echo()
    images = torch.zeros(1, 1, 3, 4, 6)

    logits = predict(model, tiny(window=4, window_stride=2), images, (4, 6))

    assert model.sizes == [(4, 4), (4, 4)]
    assert logits[0, 0, 0].tolist() == [1.0, 1.0, 1.5, 1.5, 2.0, 2.0]


def test_window_that_covers_the_frame_changes_nothing() -> None:
    torch.manual_seed(0)
    model = build_model(tiny()).eval()
    images = torch.randn(1, 1, 3, 32, 48)

    whole = predict(model, tiny(), images, (32, 48))
    windowed = predict(model, tiny(window=48, window_stride=32), images, (32, 48))

    assert torch.equal(whole, windowed)


@pytest.mark.parametrize(("window", "stride"), [(64, 0), (0, 32), (32, 64)])
def test_window_without_a_fitting_stride_is_refused(window: int, stride: int) -> None:
    with pytest.raises(Exception, match="do not match: set the stride"):
        tiny(window=window, window_stride=stride)

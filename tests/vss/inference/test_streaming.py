"""Streams, compared frame by frame with whole clips."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.conftest import tiny
from tests.device import DEVICE
from vss import catalog
from vss.data.clips import list_clips
from vss.data.dataset import Frame
from vss.inference.streaming import Stream
from vss.models.segmenter import VideoSegmenter, build_model


def cases() -> Iterator[Any]:
    """Yield every head with every kind of memory and slots that it accepts."""
    for name, row in catalog.HEADS.items():
        if not row.uses_memory:
            yield pytest.param({"head": name}, id=name)
            continue
        for length in (0, 1, 3):
            for current in (False, True):
                if (length == 0 and not current) or (row.requires_current_frame and not current):
                    continue
                for shared in (False, True) if "share_slots" in row.options else (None,):
                    settings = {
                        "head": name, "memory_length": length, "include_current_frame": current,
                    }  # fmt: skip
                    if shared:
                        settings |= {"share_slots": True, "position_code": 1.0}
                    case = f"{name}-T{length}{'+current' * current}{'-shared' * bool(shared)}"
                    yield pytest.param(settings, id=case)


def build(**settings: Any) -> VideoSegmenter:
    torch.manual_seed(0)
    model = build_model(tiny(**settings)).double().eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, std=0.1)
    for parameter in model.parameters():  # branches that start as a no-op
        if not parameter.any():
            nn.init.normal_(parameter, std=0.3)
    return model.to(DEVICE)


def video(frames: int, size: tuple[int, int] = (32, 48)) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    clip = torch.randn(2, frames, 3, *size, dtype=torch.float64, generator=generator)
    return clip.to(DEVICE)


@pytest.mark.parametrize("settings", list(cases()))
def test_stream_gives_the_logits_of_the_clip(settings: dict[str, Any]) -> None:
    model, frames = build(**settings), video(6)
    stream, length = Stream(model), model.memory_length
    clips = [[max(0, number - back) for back in range(length, -1, -1)] for number in range(6)]
    with torch.inference_mode():  # all at once, as that is faster
        expected = model(torch.cat([frames[:, clip] for clip in clips]))[0].chunk(6)

    for number in range(6):
        logits = stream.step(frames[:, number])
        error = (logits - expected[number]).norm() / expected[number].norm()
        assert error < 1e-10, number


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("head", ["tma", "cc3d"])
def test_memory_follows_the_rule_of_clips_at_every_stride(head: str, stride: int) -> None:
    model, frames = build(head=head, memory_length=2, include_current_frame=True), video(9)
    # Frame numbers are multiples of 10, as the rule also accepts frames that are one number off.
    dataset_frames = [Frame("test", "video", 10 * number, "", "labelled") for number in range(9)]
    stream = Stream(model, frame_stride=stride)

    for clip in list_clips(dataset_frames, "test", memory_length=2, frame_stride=10 * stride):
        logits = stream.step(frames[:, clip.target])
        with torch.inference_mode():
            expected = model(frames[:, [*clip.memory, clip.target]])[0]
        assert (logits - expected).norm() / expected.norm() < 1e-10, clip


def test_stream_keeps_as_many_frames_as_its_memory_spans() -> None:
    stream = Stream(build(head="tma", memory_length=2), frame_stride=3)

    for frame in video(9).unbind(dim=1):
        stream.step(frame)

    assert len(stream._past) == 6


def test_stride_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match=r"frame_stride must be 1 or more \(got 0\)"):
        Stream(build(head="fcn"), frame_stride=0)


def test_each_frame_is_encoded_once() -> None:
    model = build(head="tma", memory_length=3)
    encoded_counts: list[int] = []
    model.backbone.register_forward_hook(lambda _, args, __: encoded_counts.append(len(args[0])))
    stream = Stream(model)

    for frame in video(5).unbind(dim=1):
        stream.step(frame)

    assert encoded_counts == [2] * 5


def test_shared_slots_project_each_frame_once() -> None:
    model = build(head="apnb_tma", memory_length=3, share_slots=True)
    projected_counts: list[int] = []
    model.head.read.memory_key[0].register_forward_hook(  # type: ignore[union-attr,index,operator]
        lambda _, args, __: projected_counts.append(len(args[0]))
    )
    stream = Stream(model)

    for frame in video(5).unbind(dim=1):
        stream.step(frame)

    assert projected_counts == [2] * 5


def test_memory_of_a_stream_does_not_grow() -> None:
    stream = Stream(build(head="tma", memory_length=2))

    for frame in video(9).unbind(dim=1):
        stream.step(frame)

    assert len(stream._past) == 2


def test_logits_have_the_requested_size() -> None:
    assert Stream(build(head="fcn")).predict(video(1)[:, 0], (7, 11)).shape == (2, 8, 7, 11)


def test_frame_of_a_different_size_is_refused_with_both_shapes() -> None:
    stream = Stream(build(head="tma", memory_length=1))
    stream.step(video(1)[:, 0])

    with pytest.raises(
        ValueError, match=r"shape \(2, 3, 32, 48\), but this frame has shape \(2, 3, 16, 48\)"
    ):
        stream.step(video(1, (16, 48))[:, 0])


def test_model_in_training_mode_is_refused() -> None:
    with pytest.raises(ValueError, match=r"call model.eval\(\) first"):
        Stream(build(head="fcn").train())


def test_model_put_into_training_mode_between_frames_is_refused() -> None:
    model, frame = build(head="tma", memory_length=1), video(1)[:, 0]
    stream = Stream(model)
    logits = stream.step(frame)

    model.train()

    with pytest.raises(ValueError, match=r"call model.eval\(\) first"):
        stream.step(frame)
    model.eval()
    torch.testing.assert_close(stream.step(frame), logits)


@pytest.mark.parametrize("head", ["fcn", "tma"])
def test_stream_continues_after_a_failed_first_frame(head: str) -> None:
    model, frame = build(head=head, memory_length=int(head == "tma")), video(1)[:, 0]
    stream, expected = Stream(model), Stream(model).step(frame)

    with pytest.raises(RuntimeError, match="channels"):
        stream.step(torch.zeros(2, 4, 32, 48, dtype=torch.float64, device=DEVICE))

    torch.testing.assert_close(stream.step(frame), expected)


def test_frame_that_is_not_finite_is_refused_before_it_corrupts_the_memory() -> None:
    stream = Stream(build(head="tma", memory_length=1))
    frame = video(1)[:, 0]
    logits = stream.step(frame)

    corrupt = frame.clone()
    corrupt[0, 0, 0, 0] = torch.nan

    with pytest.raises(ValueError, match="1 of 9216 values of the frame are not finite"):
        stream.step(corrupt)

    torch.testing.assert_close(stream.step(frame), logits)


@pytest.mark.parametrize("head", ["tma", "apnb_tma", "cc3d", "da_asym_tma"])
def test_stream_agrees_with_the_clip_in_single_precision(head: str) -> None:
    model = build(head=head, memory_length=2, include_current_frame=True).float()
    frames, stream = video(3).float(), Stream(model)

    for number in range(3):
        logits = stream.step(frames[:, number])

    with torch.inference_mode():
        expected = model(frames)[0]
    assert (logits - expected).norm() / expected.norm() < 1e-4

"""Heads without published outputs, against the simpler heads that they are composed of."""

import pytest
from torch import nn

from tests.vss.models.heads.small_heads import build, inputs, run
from tests.vss.models.reference_case import relative_error
from vss.models.backbones import Features


def copy_weights(head: nn.Module, source: nn.Module) -> nn.Module:
    """Copy the weights of the same names from another head."""
    names = head.state_dict().keys()
    weights = {name: value for name, value in source.state_dict().items() if name in names}
    assert weights.keys() == names
    head.load_state_dict(weights)
    return head.double().eval()


def in_float64(features: Features | None) -> Features:
    assert features is not None
    return Features(*(x.double() for x in features))


def assert_equal_logits(
    head: nn.Module, other: nn.Module, slots: int, other_slots: int | None = None
) -> None:
    current, memory = inputs(slots, (7, 9), 2)
    other_memory = None if other_slots == 0 else in_float64(memory)

    logits = run(head.double().eval(), in_float64(current), in_float64(memory), slots)
    other_logits = run(
        other, in_float64(current), other_memory, slots if other_slots is None else other_slots
    )

    assert relative_error(logits, other_logits) < 1e-10


@pytest.mark.parametrize("slots", [1, 3])
@pytest.mark.parametrize("shared", [False, True])
def test_apnb_tma_without_pooling_is_tma(
    slots: int, shared: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"share_slots": shared, "position_code": 1.0}
    pyramid = build("apnb_tma", slots, **options)
    monkeypatch.setattr("vss.models.heads.tma.pyramid_pool", lambda x: x.flatten(2))
    monkeypatch.setattr(
        "vss.models.heads.tma.pool_over_time",
        lambda x, pooling: (x.transpose(1, 2).flatten(2), None),
    )

    assert_equal_logits(pyramid, copy_weights(build("tma", slots, **options), pyramid), slots)


def test_asym_tma_without_its_fusion_is_apnb_tma() -> None:
    asymmetric = build("asym_tma", 2)
    plain = copy_weights(build("apnb_tma", 2), asymmetric)
    asymmetric.fusion = None

    assert_equal_logits(asymmetric, plain, 2)


def test_afnb_tma_without_its_fusion_is_tma() -> None:
    fused = build("afnb_tma", 2)
    plain = copy_weights(build("tma", 2), fused)
    fused.fusion = None

    assert_equal_logits(fused, plain, 2)


def test_da_tma_without_its_channel_branch_is_tma() -> None:
    dual = build("da_tma", 2)
    plain = build("tma", 2)
    plain.read.load_state_dict(dual.position.state_dict())  # type: ignore[union-attr,operator]
    plain.classifier.load_state_dict(dual.classifiers.fused.state_dict())  # type: ignore[union-attr,operator]
    dual.channel.forward = lambda stage5: 0.0  # type: ignore[union-attr,method-assign,assignment]

    assert_equal_logits(dual, plain.double().eval(), 2)


def test_da_asym_tma_with_both_options_off_is_da_tma() -> None:
    plain = build("da_asym_tma", 2, afnb_into_dual=False, pyramid_position=False)

    assert_equal_logits(plain, copy_weights(build("da_tma", 2), plain), 2)


def test_cc3d_with_only_the_current_frame_is_ccnet() -> None:
    cc3d = build("cc3d", 1)
    ccnet = copy_weights(build("ccnet", 0), cc3d)
    current, _ = inputs(0, (7, 9), 2)

    logits = run(cc3d.double().eval(), in_float64(current), in_float64(current), 1)

    assert relative_error(logits, run(ccnet, in_float64(current), None, 0)) < 1e-10


def test_cc_tma_with_zero_weight_for_time_is_ccnet() -> None:
    separated = build("cc_tma", 2)
    nn.init.zeros_(separated.time_gamma)  # type: ignore[arg-type]

    assert_equal_logits(separated, copy_weights(build("ccnet", 0), separated), 2, other_slots=0)


def test_pyramids_of_one_frame_agree_unless_windows_repeat() -> None:
    """Only `cube` repeats the windows of finer levels, which gives them more weight."""
    flat = build("apnb_tma", 1, pooling="flat")

    for pooling in ("clip", "frame"):
        other = copy_weights(build("apnb_tma", 1, pooling=pooling), flat)
        assert_equal_logits(flat, other, 1)

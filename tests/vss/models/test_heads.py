"""Every head: the published numbers where there are some, and one contract for all."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.device import DEVICE
from tests.vss.models.reference import Reference, relative_error
from vss import catalog
from vss.models.backbones import Features
from vss.models.heads.asymmetric import ANNHead
from vss.models.heads.criss_cross import CCNetHead, CrissCross
from vss.models.heads.dual import DANetHead
from vss.models.heads.image import FCNHead, NonLocalHead, PSPHead
from vss.models.heads.tma import TMAHead
from vss.models.layers import project

CLASSES = 5


def reference_head(case: str) -> nn.Module:
    common: dict[str, Any] = {"num_classes": CLASSES, "head_channels": 16, "dropout": 0.0}
    match case:
        case "fcn_auxiliary":
            return FCNHead((16, 24), **{**common, "head_channels": 8}, stage="stage4")
        case "nonlocal":
            return NonLocalHead((16, 24), **common, attention_scale=True)
        case "psp":
            return PSPHead((16, 24), **common)
        case "danet":
            return DANetHead((16, 24), **common, attention_scale=False)
        case "ccnet":
            options = catalog.HEADS["ccnet"].options
            return CCNetHead((16, 24), **common, **options)
        case "asymmetric_nonlocal":
            return ANNHead((16, 24), **common)
        case "tma_T2":
            head = TMAHead((24, 24), **common, memory_slots=2, **catalog.HEADS["tma"].options)
            # The reference case has keys of a quarter of the width, not an eighth.
            head.read.memory_key = nn.ModuleList(project(24, 4, "1x1+3x3") for _ in range(2))
            head.read.query_key = project(24, 4, "1x1+3x3")
            return head
    raise AssertionError(case)


CASES = ("fcn_auxiliary", "nonlocal", "psp", "danet", "ccnet", "asymmetric_nonlocal", "tma_T2")


def outputs(head: nn.Module, reference: Reference, features: Features) -> tuple[Tensor, ...]:
    """All that a head computes, also in eval mode."""
    if isinstance(head, DANetHead):
        x = features.stage5
        found = head.classifiers(head.position(x), head.channel(x), all_outputs=True)
    else:
        found = head(features, *(reference.memory() and (reference.memory(),)))
    return found if isinstance(found, tuple) else (found,)


@pytest.mark.parametrize("case", CASES)
def test_eval_output_is_the_published_one(case: str) -> None:
    reference = Reference(case)
    head = reference.load_into(reference_head(case)).eval()

    found = outputs(head, reference, reference.features())

    assert_published(found, reference, "output_eval")


@pytest.mark.parametrize("case", CASES)
def test_train_output_and_gradient_are_the_published_ones(case: str) -> None:
    reference = Reference(case)
    head = reference.load_into(reference_head(case)).train()
    features = reference.features(requires_grad=True)

    found = outputs(head, reference, features)
    sum(x.square().sum() for x in found).backward()  # type: ignore[union-attr]

    assert_published(found, reference, "output_train")
    for name, expected in reference.gradients.items():
        given = features.stage4 if name == "stage4" else features.stage5
        assert given.grad is not None
        assert relative_error(given.grad, expected) < 1e-10


def assert_published(found: tuple[Tensor, ...], reference: Reference, name: str) -> None:
    assert len(found) == reference.count(name)
    for number, output in enumerate(found):
        assert relative_error(output, reference.tensor(f"{name}_{number}")) < 1e-10


def test_criss_cross_over_a_clip_is_the_published_one() -> None:
    reference = Reference("criss_cross_3d")
    module = CrissCross(16, ("time", "column", "row"), "1x1", attention_scale=False)
    reference.load_into(module)
    clip = reference.tensor("input/clip").permute(0, 4, 1, 2, 3)  # time is last there

    found = module(clip)

    expected = reference.tensor("output_eval_0").permute(0, 4, 1, 2, 3)
    assert relative_error(found, expected) < 1e-10
    assert relative_error(module(clip, last_only=True), expected[:, -1:]) < 1e-10


def contract_cases() -> Iterator[Any]:
    """Head, past frames, current frame in the memory, map size, batch."""
    for name, row in catalog.HEADS.items():
        memories = [(length, current) for length in (1, 2, 4) for current in (False, True)]
        if row.holds_current_frame:
            memories = [(length, True) for length in (0, 1, 2, 4)]
        elif row.uses_memory:
            memories.append((0, True))
        else:
            memories = [(0, False)]
        for length, current in memories:
            for size in ((7, 9), (8, 6)):
                for batch in (1, 2):
                    words = f"{name}-T{length}{'+current' if current else ''}-{size}-B{batch}"
                    yield pytest.param(name, length + current, size, batch, id=words)


def build(name: str, slots: int, **options: Any) -> nn.Module:
    torch.manual_seed(0)
    row = catalog.HEADS[name]
    memory = {"memory_slots": slots} if row.uses_memory else {}
    head: nn.Module = catalog.resolve(row.build)(
        channels=(12, 16), num_classes=CLASSES, head_channels=16, dropout=0.1,
        **memory, **row.fixed, **{**row.options, **options},
    )  # fmt: skip
    # Branches that start as a no-op must not hide behind their zero.
    for parameter in head.parameters():
        if not parameter.any():
            nn.init.normal_(parameter, std=0.3)
    return head.to(DEVICE)


def inputs(slots: int, size: tuple[int, int], batch: int) -> tuple[Features, Features | None]:
    """Features of the current frame, and of batch * slots memory frames."""
    generator = torch.Generator().manual_seed(1)

    def features(count: int) -> Features:
        return Features(
            torch.randn(count, 12, *size, generator=generator).to(DEVICE),
            torch.randn(count, 16, *size, generator=generator).to(DEVICE),
        )

    return features(batch), features(batch * slots) if slots else None


def run(head: nn.Module, current: Features, memory: Features | None, slots: int) -> Tensor:
    """The prediction."""
    found = run_all(head, current, memory, slots)
    return found[0] if isinstance(found, tuple) else found


def run_all(head: nn.Module, current: Features, memory: Features | None, slots: int) -> Any:
    """What the head returns: the prediction, or all supervised outputs while it trains."""
    if memory is None:
        return head(current)
    kept = head.remember(memory)  # type: ignore[operator]
    return head(current, tuple(x.unflatten(0, (-1, slots)) for x in kept))


def freeze_normalisation(head: nn.Module) -> None:
    for module in head.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()


@pytest.mark.parametrize(("name", "slots", "size", "batch"), list(contract_cases()))
def test_contract(name: str, slots: int, size: tuple[int, int], batch: int) -> None:
    head = build(name, slots)
    current, memory = inputs(slots, size, batch)

    eval_logits = run(head.eval(), current, memory, slots)
    head.train()
    freeze_normalisation(head)
    for module in head.modules():
        if isinstance(module, nn.Dropout2d):
            module.p = 0.0
    found = run_all(head, current, memory, slots)
    outputs = found if isinstance(found, tuple) else (found,)
    sum(x.square().sum() for x in outputs).backward()  # type: ignore[union-attr]

    assert {x.shape for x in outputs} == {(batch, CLASSES, *size)}
    assert len(outputs) == getattr(head, "outputs", 1)
    torch.testing.assert_close(outputs[0], eval_logits)
    for parameter_name, parameter in head.named_parameters():
        assert parameter.grad is not None, parameter_name
        assert parameter.grad.isfinite().all(), parameter_name
        # Softmax cancels what a key's bias adds to all scores of a query, and all that keys and
        # queries say of a memory of one entry.
        alone = slots == 1 and parameter_name.startswith(("time_query", "time_key"))
        if not parameter_name.endswith("key.bias") and not alone:
            assert parameter.grad.any(), parameter_name


@pytest.mark.parametrize("name", catalog.HEADS)
def test_float32_agrees_with_float64(name: str) -> None:
    slots = 2 if catalog.HEADS[name].uses_memory else 0
    head = build(name, slots).eval()
    current, memory = inputs(slots, (7, 9), 2)

    single = run(head, current, memory, slots)
    double = run(
        head.double(),
        Features(*(x.double() for x in current)),
        memory and Features(*(x.double() for x in memory)),
        slots,
    )

    assert relative_error(single.double(), double) < 1e-4


@pytest.mark.parametrize("name", [n for n, row in catalog.HEADS.items() if row.uses_memory])
def test_memory_changes_the_answer(name: str) -> None:
    head = build(name, 2).eval()
    current, memory = inputs(2, (7, 9), 1)
    assert memory is not None

    other = Features(*(x.flip(0) * 2 for x in memory))

    assert not torch.allclose(run(head, current, memory, 2), run(head, current, other, 2))


# --- identities: where nothing is published, a head is what it is composed of


def same_weights(head: nn.Module, source: nn.Module) -> nn.Module:
    """Give a head the weights of another one, as far as it has them."""
    own = head.state_dict()
    given = {name: value for name, value in source.state_dict().items() if name in own}
    assert given.keys() == own.keys()
    head.load_state_dict(given)
    return head.double().eval()


def doubled(features: Features | None) -> Features:
    assert features is not None
    return Features(*(x.double() for x in features))


def assert_equal_answers(
    one: nn.Module, other: nn.Module, slots: int, other_slots: int | None = None
) -> None:
    current, memory = inputs(slots, (7, 9), 2)
    known = None if other_slots == 0 else doubled(memory)

    left = run(one.double().eval(), doubled(current), doubled(memory), slots)
    right = run(other, doubled(current), known, slots if other_slots is None else other_slots)

    assert relative_error(left, right) < 1e-10


@pytest.mark.parametrize("slots", [1, 3])
@pytest.mark.parametrize("shared", [False, True])
def test_apnb_tma_with_pooling_left_out_is_tma(
    slots: int, shared: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"share_slots": shared, "position_code": 1.0}
    pyramid = build("apnb_tma", slots, **options)
    monkeypatch.setattr("vss.models.heads.tma.pyramid_pool", lambda x: x.flatten(2))
    monkeypatch.setattr(
        "vss.models.heads.tma.pool_over_time",
        lambda x, pooling: (x.transpose(1, 2).flatten(2), None),
    )

    assert_equal_answers(pyramid, same_weights(build("tma", slots, **options), pyramid), slots)


def test_asym_tma_without_its_fusion_is_apnb_tma() -> None:
    asymmetric = build("asym_tma", 2)
    plain = same_weights(build("apnb_tma", 2), asymmetric)
    asymmetric.fusion = None

    assert_equal_answers(asymmetric, plain, 2)


def test_afnb_tma_without_its_fusion_is_tma() -> None:
    fused = build("afnb_tma", 2)
    plain = same_weights(build("tma", 2), fused)
    fused.fusion = None

    assert_equal_answers(fused, plain, 2)


def test_da_tma_without_its_channel_branch_is_tma() -> None:
    dual = build("da_tma", 2)
    plain = build("tma", 2)
    plain.read.load_state_dict(dual.position.state_dict())  # type: ignore[union-attr,operator]
    plain.classifier.load_state_dict(dual.classifiers.fused.state_dict())  # type: ignore[union-attr,operator]
    dual.channel.forward = lambda stage5: 0.0  # type: ignore[union-attr,method-assign,assignment]

    assert_equal_answers(dual, plain.double().eval(), 2)


def test_da_asym_tma_with_both_switches_off_is_da_tma() -> None:
    switched = build("da_asym_tma", 2, afnb_into_dual=False, pyramid_position=False)

    assert_equal_answers(switched, same_weights(build("da_tma", 2), switched), 2)


def test_cc3d_of_the_current_frame_alone_is_ccnet() -> None:
    clip = build("cc3d", 1)
    image = same_weights(build("ccnet", 0), clip)
    current, _ = inputs(0, (7, 9), 2)

    found = run(clip.double().eval(), doubled(current), doubled(current), 1)

    assert relative_error(found, run(image, doubled(current), None, 0)) < 1e-10


def test_cc_tma_that_gives_time_no_weight_is_ccnet() -> None:
    separated = build("cc_tma", 2)
    nn.init.zeros_(separated.time_gamma)  # type: ignore[arg-type]

    assert_equal_answers(separated, same_weights(build("ccnet", 0), separated), 2, other_slots=0)


def test_pyramids_of_one_frame_agree_unless_windows_repeat() -> None:
    """`cube` repeats the windows of finer levels, which gives them more weight."""
    flat = build("apnb_tma", 1, pooling="flat")

    for pooling in ("clip", "frame"):
        other = same_weights(build("apnb_tma", 1, pooling=pooling), flat)
        assert_equal_answers(flat, other, 1)


def test_every_recurrence_uses_the_same_weights() -> None:
    sizes = {sum(p.numel() for p in build("ccnet", 0, recurrence=r).parameters()) for r in (1, 3)}

    assert len(sizes) == 1


def test_memory_of_another_length_or_size_is_refused_with_both() -> None:
    for name in ("tma", "cc3d", "cc_tma"):
        head = build(name, 2).eval()
        current, memory = inputs(3, (7, 9), 1)
        with pytest.raises(ValueError, match="the memory holds 3 frames, the head has 2 slots"):
            run(head, current, memory, 3)
        _, other = inputs(2, (5, 9), 1)
        with pytest.raises(ValueError, match="memory frames are 5x9, the current frame is 7x9"):
            run(head, current, other, 2)


def test_shared_slots_do_not_care_for_the_order_of_frames() -> None:
    head = build("tma", 2, share_slots=True).eval()
    current, memory = inputs(2, (7, 9), 1)
    assert memory is not None

    swapped = Features(*(x.flip(0) for x in memory))

    torch.testing.assert_close(run(head, current, memory, 2), run(head, current, swapped, 2))


def test_own_slots_care_for_the_order_of_frames() -> None:
    head = build("tma", 2).eval()
    current, memory = inputs(2, (7, 9), 1)
    assert memory is not None

    swapped = Features(*(x.flip(0) for x in memory))

    assert not torch.allclose(run(head, current, memory, 2), run(head, current, swapped, 2))


def test_shared_slots_do_not_grow_with_the_memory() -> None:
    sizes = [
        sum(p.numel() for p in build("tma", slots, share_slots=True).parameters())
        for slots in (1, 4)
    ]

    assert sizes[0] == sizes[1]


def test_position_code_finds_the_own_place_of_an_unreadable_pixel() -> None:
    """With no content at all and a strong code, each pixel reads its own place."""
    head = build("tma", 1, share_slots=True, position_code=8.0).eval()
    seen: list[Tensor] = []
    head.read.bottleneck.register_forward_pre_hook(lambda _, given: seen.append(given[0]))  # type: ignore[union-attr,operator]
    blank = Features(*(torch.zeros(1, width, 7, 9, device=DEVICE) for width in (12, 16)))
    value = torch.randn(1, 1, 8, 7 * 9, device=DEVICE)
    key = head.remember(blank)[0][:, None]  # type: ignore[operator]

    head(blank, (key, value))

    torch.testing.assert_close(seen[0][:, 8:].flatten(2), value[:, 0], atol=1e-3, rtol=0)

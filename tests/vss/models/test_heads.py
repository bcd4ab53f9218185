"""Every head: the published numbers where there are some, and one contract for all."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.vss.models.reference import Reference, relative_error
from vss import catalog
from vss.models.backbones import Features
from vss.models.heads.image import FCNHead, NonLocalHead, PSPHead
from vss.models.heads.tma import TMAHead, projection

CLASSES = 5


def reference_head(case: str) -> nn.Module:
    common: dict[str, Any] = {"num_classes": CLASSES, "head_channels": 16, "dropout": 0.0}
    match case:
        case "fcn_auxiliary":
            return FCNHead((16, 24), **{**common, "head_channels": 8}, stage="stage4")
        case "nonlocal":
            return NonLocalHead((16, 24), **common)
        case "psp":
            return PSPHead((16, 24), **common)
        case "tma_T2":
            head = TMAHead((24, 24), **common, memory_slots=2, share_slots=False, position_code=0.0)
            # The reference case has keys of a quarter of the width, not an eighth.
            head.memory_key = nn.ModuleList(projection(24, 4) for _ in range(2))
            head.query_key = projection(24, 4)
            return head
    raise AssertionError(case)


CASES = ("fcn_auxiliary", "nonlocal", "psp", "tma_T2")


@pytest.mark.parametrize("case", CASES)
def test_eval_output_is_the_published_one(case: str) -> None:
    reference = Reference(case)
    head = reference.load_into(reference_head(case)).eval()

    found = head(reference.features(), *(reference.memory() and (reference.memory(),)))

    assert relative_error(found, reference.tensor("output_eval_0")) < 1e-10


@pytest.mark.parametrize("case", CASES)
def test_train_output_and_gradient_are_the_published_ones(case: str) -> None:
    reference = Reference(case)
    head = reference.load_into(reference_head(case)).train()
    features = reference.features(requires_grad=True)

    found = head(features, *(reference.memory() and (reference.memory(),)))
    found.square().sum().backward()

    assert relative_error(found, reference.tensor("output_train_0")) < 1e-10
    for name, expected in reference.gradients.items():
        given = features.stage4 if name == "stage4" else features.stage5
        assert given.grad is not None
        assert relative_error(given.grad, expected) < 1e-10


def contract_cases() -> Iterator[Any]:
    """Head, past frames, current frame in the memory, map size, batch."""
    for name, row in catalog.HEADS.items():
        memories = (
            [(1, False), (2, False), (4, True), (0, True)] if row.uses_memory else [(0, False)]
        )
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
        **memory, **{**row.options, **options},
    )  # fmt: skip
    # Branches that start as a no-op must not hide behind their zero.
    for parameter in head.parameters():
        if not parameter.any():
            nn.init.normal_(parameter, std=0.3)
    return head


def inputs(slots: int, size: tuple[int, int], batch: int) -> tuple[Features, Features | None]:
    """Features of the current frame, and of batch * slots memory frames."""
    generator = torch.Generator().manual_seed(1)

    def features(count: int) -> Features:
        return Features(
            torch.randn(count, 12, *size, generator=generator),
            torch.randn(count, 16, *size, generator=generator),
        )

    return features(batch), features(batch * slots) if slots else None


def run(head: nn.Module, current: Features, memory: Features | None, slots: int) -> Tensor:
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
    train_logits = run(head, current, memory, slots)
    train_logits.square().sum().backward()

    assert eval_logits.shape == (batch, CLASSES, *size)
    torch.testing.assert_close(train_logits, eval_logits)
    for parameter_name, parameter in head.named_parameters():
        assert parameter.grad is not None, parameter_name
        assert parameter.grad.isfinite().all(), parameter_name
        # Softmax cancels what a key's bias adds to all scores of a query.
        if not parameter_name.endswith("key.bias"):
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
    head.bottleneck.register_forward_pre_hook(lambda _, given: seen.append(given[0]))  # type: ignore[union-attr]
    blank = Features(torch.zeros(1, 12, 7, 9), torch.zeros(1, 16, 7, 9))
    value = torch.randn(1, 1, 8, 7, 9)
    key = head.remember(blank)[0][:, None]  # type: ignore[operator]

    head(blank, (key, value))

    torch.testing.assert_close(seen[0][:, 8:], value[:, 0], atol=1e-3, rtol=0)

"""The contract that all heads share."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.device import DEVICE
from tests.vss.models.heads.small_heads import CLASSES, build, inputs, run, run_all
from tests.vss.models.reference_case import relative_error
from vss import catalog
from vss.models.backbones import Features


def contract_cases() -> Iterator[Any]:
    """Yield head, memory slots, map size and batch, for every memory that the head accepts."""
    for name, row in catalog.HEADS.items():
        memories = [(length, current) for length in (1, 2, 4) for current in (False, True)]
        if row.requires_current_frame:
            memories = [(length, True) for length in (0, 1, 2, 4)]
        elif row.uses_memory:
            memories.append((0, True))
        else:
            memories = [(0, False)]
        for length, current in memories:
            for size in ((7, 9), (8, 6)):
                for batch in (1, 2):
                    case = f"{name}-T{length}{'+current' if current else ''}-{size}-B{batch}"
                    yield pytest.param(name, length + current, size, batch, id=case)


def freeze_normalisation(head: nn.Module) -> None:
    for module in head.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()


@pytest.mark.parametrize(("name", "slots", "size", "batch"), list(contract_cases()))
def test_head_obeys_the_contract(name: str, slots: int, size: tuple[int, int], batch: int) -> None:
    head = build(name, slots)
    current, memory = inputs(slots, size, batch)

    eval_logits = run(head.eval(), current, memory, slots)
    head.train()
    freeze_normalisation(head)
    for module in head.modules():
        if isinstance(module, nn.Dropout2d):
            module.p = 0.0
    logits = run_all(head, current, memory, slots)
    outputs = logits if isinstance(logits, tuple) else (logits,)
    sum(x.square().sum() for x in outputs).backward()  # type: ignore[union-attr]

    assert {x.shape for x in outputs} == {(batch, CLASSES, *size)}
    assert len(outputs) == getattr(head, "outputs", 1)
    torch.testing.assert_close(outputs[0], eval_logits)
    for parameter_name, parameter in head.named_parameters():
        assert parameter.grad is not None, parameter_name
        assert parameter.grad.isfinite().all(), parameter_name
        # Softmax cancels what a key's bias adds to all logits of a query, and ignores keys and
        # queries if the memory has a single entry.
        single_entry = slots == 1 and parameter_name.startswith(("time_query", "time_key"))
        if not parameter_name.endswith("key.bias") and not single_entry:
            assert parameter.grad.any(), parameter_name


@pytest.mark.parametrize("name", catalog.HEADS)
def test_float32_agrees_with_float64(name: str) -> None:
    slots = 2 if catalog.HEADS[name].uses_memory else 0
    head = build(name, slots).eval()
    current, memory = inputs(slots, (7, 9), 2)

    logits = run(head, current, memory, slots)
    exact_logits = run(
        head.double(),
        Features(*(x.double() for x in current)),
        memory and Features(*(x.double() for x in memory)),
        slots,
    )

    assert relative_error(logits.double(), exact_logits) < 1e-4


@pytest.mark.parametrize("name", [n for n, row in catalog.HEADS.items() if row.uses_memory])
def test_memory_changes_the_prediction(name: str) -> None:
    head = build(name, 2).eval()
    current, memory = inputs(2, (7, 9), 1)
    assert memory is not None

    other = Features(*(x.flip(0) * 2 for x in memory))

    assert not torch.allclose(run(head, current, memory, 2), run(head, current, other, 2))


def test_recurrences_share_their_weights() -> None:
    sizes = {sum(p.numel() for p in build("ccnet", 0, recurrence=r).parameters()) for r in (1, 3)}

    assert len(sizes) == 1


def test_memory_of_the_wrong_length_or_size_is_refused() -> None:
    for name in ("tma", "cc3d", "cc_tma"):
        head = build(name, 2).eval()
        current, memory = inputs(3, (7, 9), 1)
        with pytest.raises(ValueError, match="the memory has 3 frames, but the head has 2 slots"):
            run(head, current, memory, 3)
        _, other = inputs(2, (5, 9), 1)
        with pytest.raises(ValueError, match="memory frames are 5x9, but the current frame is 7x9"):
            run(head, current, other, 2)


@pytest.mark.parametrize(
    "name", [name for name, row in catalog.HEADS.items() if "share_slots" in row.options]
)
@pytest.mark.parametrize("size", [(5, 9), (9, 7)])
def test_shared_slots_refuse_a_memory_of_a_different_size(name: str, size: tuple[int, int]) -> None:
    """A map of a different size is refused even if it has as many pixels or tokens."""
    head = build(name, 2, share_slots=True).eval()
    current, _ = inputs(2, (7, 9), 1)
    _, other = inputs(2, size, 1)
    message = f"memory frames are {size[0]}x{size[1]}, but the current frame is 7x9"

    with pytest.raises(ValueError, match=message):
        run(head, current, other, 2)


def test_shared_slots_ignore_the_order_of_frames() -> None:
    head = build("tma", 2, share_slots=True).eval()
    current, memory = inputs(2, (7, 9), 1)
    assert memory is not None

    swapped_memory = Features(*(x.flip(0) for x in memory))

    torch.testing.assert_close(run(head, current, memory, 2), run(head, current, swapped_memory, 2))


def test_separate_slots_depend_on_the_order_of_frames() -> None:
    head = build("tma", 2).eval()
    current, memory = inputs(2, (7, 9), 1)
    assert memory is not None

    swapped_memory = Features(*(x.flip(0) for x in memory))

    assert not torch.allclose(run(head, current, memory, 2), run(head, current, swapped_memory, 2))


def test_shared_slots_do_not_grow_with_the_memory() -> None:
    sizes = [
        sum(p.numel() for p in build("tma", slots, share_slots=True).parameters())
        for slots in (1, 4)
    ]

    assert sizes[0] == sizes[1]


def test_position_code_lets_a_blank_pixel_attend_to_its_own_position() -> None:
    """Without any content and with a strong code, each pixel attends to its own position."""
    head = build("tma", 1, share_slots=True, position_code=8.0).eval()
    contexts: list[Tensor] = []
    head.read.bottleneck.register_forward_pre_hook(lambda _, args: contexts.append(args[0]))  # type: ignore[union-attr,operator]
    blank = Features(*(torch.zeros(1, width, 7, 9, device=DEVICE) for width in (12, 16)))
    value = torch.randn(1, 1, 8, 7 * 9, device=DEVICE)
    key, _, size = (tensor[:, None] for tensor in head.remember(blank))  # type: ignore[operator]

    head(blank, (key, value, size))

    torch.testing.assert_close(contexts[0][:, 8:].flatten(2), value[:, 0], atol=1e-3, rtol=0)

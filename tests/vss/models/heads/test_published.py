"""Heads, against the outputs of their published reference code."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.vss.models.heads.small_heads import CLASSES
from tests.vss.models.reference_case import ReferenceCase, relative_error
from vss import catalog
from vss.models.backbones import Features
from vss.models.heads.asymmetric import ANNHead, StageFusion
from vss.models.heads.criss_cross import CCNetHead, CrissCross
from vss.models.heads.dual import DANetHead
from vss.models.heads.image import FCNHead, NonLocalAttention, NonLocalHead, PSPHead
from vss.models.heads.tma import TMAHead
from vss.models.layers import build_norm_projection


def reference_head(case: str) -> nn.Module:
    """Build our head for a case."""
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
            # In the reference case, keys have a quarter of the channels, not an eighth.
            head.read.memory_key = nn.ModuleList(
                build_norm_projection(24, 4, "1x1+3x3") for _ in range(2)
            )
            head.read.query_key = build_norm_projection(24, 4, "1x1+3x3")
            return head
    raise AssertionError(case)


CASES = ("fcn_auxiliary", "nonlocal", "psp", "danet", "ccnet", "asymmetric_nonlocal", "tma_T2")


def outputs(head: nn.Module, reference: ReferenceCase, features: Features) -> tuple[Tensor, ...]:
    """Return all outputs of a head, even in eval mode."""
    if isinstance(head, DANetHead):
        x = features.stage5
        logits = head.classifiers(head.position(x), head.channel(x), all_outputs=True)
    else:
        logits = head(features, *(reference.memory() and (reference.memory(),)))
    return logits if isinstance(logits, tuple) else (logits,)


@pytest.mark.parametrize("case", CASES)
def test_eval_output_equals_the_published_output(case: str) -> None:
    reference = ReferenceCase(case)
    head = reference.load_into(reference_head(case)).eval()

    logits = outputs(head, reference, reference.features())

    assert_published(logits, reference, "output_eval")


@pytest.mark.parametrize("case", CASES)
def test_train_output_and_gradient_equal_the_published_ones(case: str) -> None:
    reference = ReferenceCase(case)
    head = reference.load_into(reference_head(case)).train()
    features = reference.features(requires_grad=True)

    logits = outputs(head, reference, features)
    sum(x.square().sum() for x in logits).backward()  # type: ignore[union-attr]

    assert_published(logits, reference, "output_train")
    for name, expected in reference.gradients.items():
        stage = features.stage4 if name == "stage4" else features.stage5
        assert stage.grad is not None
        assert relative_error(stage.grad, expected) < 1e-10


def assert_published(logits: tuple[Tensor, ...], reference: ReferenceCase, name: str) -> None:
    assert len(logits) == reference.count(name)
    for number, output in enumerate(logits):
        assert relative_error(output, reference.tensor(f"{name}_{number}")) < 1e-10


def test_criss_cross_attention_in_a_clip_equals_the_published_one() -> None:
    reference = ReferenceCase("criss_cross_3d")
    module = CrissCross(16, ("time", "column", "row"), "1x1", attention_scale=False)
    reference.load_into(module)
    clip = reference.tensor("input/clip").permute(0, 4, 1, 2, 3)  # time is last in the reference

    context = module(clip)

    expected = reference.tensor("output_eval_0").permute(0, 4, 1, 2, 3)
    assert relative_error(context, expected) < 1e-10
    assert relative_error(module(clip, last_only=True), expected[:, -1:]) < 1e-10


@pytest.mark.parametrize("branch", ["nonlocal", "afnb"])
def test_convolutions_around_attention_start_as_in_the_toolbox(branch: str) -> None:
    """The toolbox has ConvModules without activation there; the non-local norm starts at zero."""
    torch.manual_seed(0)
    if branch == "nonlocal":
        conv, norm = NonLocalAttention(256, attention_scale=True).output
    else:
        conv, norm = StageFusion((64, 128), 64).bottleneck

    assert conv.weight.std().item() == pytest.approx((2 / conv.out_channels) ** 0.5, rel=0.02)
    assert norm.weight.eq(branch == "afnb").all()

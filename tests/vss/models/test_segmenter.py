"""Whole networks."""

import io
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from tests.conftest import TINY_MEMORY, tiny
from vss import catalog
from vss.errors import UserError
from vss.models.segmenter import build_model, count_parameters
from vss.trial_config import parse_settings


def clip(past: int, batch: int = 2) -> torch.Tensor:
    return torch.randn(batch, past + 1, 3, 32, 48)


def test_prediction_has_a_logit_per_class_at_any_size() -> None:
    model = build_model(tiny()).eval()

    assert model.predict(clip(0), (36, 50)).shape == (2, 8, 36, 50)


def test_auxiliary_output_exists_only_in_training() -> None:
    model = build_model(tiny())

    assert len(model.train()(clip(0))) == 2
    assert len(model.eval()(clip(0))) == 1
    assert model.loss_weights == (1.0, 0.4)


def test_auxiliary_head_can_be_left_out() -> None:
    model = build_model(tiny(auxiliary_weight=0))

    assert len(model.train()(clip(0))) == 1
    assert model.loss_weights == (1.0,)


def test_clip_of_the_wrong_length_is_refused_with_both_numbers() -> None:
    model = build_model(parse_settings(TINY_MEMORY))

    with pytest.raises(ValueError, match="must have 2 past frames and the current one, got 2 fra"):
        model(clip(1))


def test_gradient_flows_into_the_memory_frames() -> None:
    model = build_model(parse_settings(TINY_MEMORY))
    frames = clip(2).requires_grad_()

    model(frames)[0].sum().backward()

    assert frames.grad is not None
    assert all(frames.grad[:, t].any() for t in range(3))


def test_included_current_frame_is_the_newest_in_the_memory() -> None:
    model = build_model(parse_settings({**TINY_MEMORY, "include_current_frame": True})).eval()
    frames = clip(2)
    memories: list[torch.Tensor] = []
    model.head.register_forward_pre_hook(lambda _, args: memories.extend(args[1]))

    model(frames)

    stage5 = model.encode(frames).stage5.unflatten(0, (2, 3))
    assert memories[0].shape[1] == 3
    torch.testing.assert_close(memories[0], stage5)


def test_equal_seeds_give_equal_backbones_whatever_the_head() -> None:
    weights = []
    for config in (tiny(), parse_settings(TINY_MEMORY)):
        torch.manual_seed(config.seed)
        weights.append(build_model(config).backbone.state_dict()["layer4.1.conv2.weight"])

    assert torch.equal(weights[0], weights[1])


def test_parameters_are_counted_without_the_auxiliary_head() -> None:
    with_auxiliary, without_auxiliary = (build_model(tiny(auxiliary_weight=w)) for w in (0.4, 0))

    assert count_parameters(with_auxiliary) == count_parameters(without_auxiliary)


def test_published_tma_head_has_its_published_size() -> None:
    """It has 6.33 M parameters at memory 4 and 4.74 M at memory 2; it has 12 classes, not 8."""
    for memory, millions in ((4, 6.33), (2, 4.74)):
        config = tiny(
            head="tma", memory_length=memory, width=64, head_channels=512, auxiliary_weight=0
        )
        with torch.device("meta"):
            head = build_model(config).head

        count = sum(p.numel() for p in head.parameters()) + 4 * 513
        assert count / 1e6 == pytest.approx(millions, abs=0.005)


@pytest.mark.slow
@pytest.mark.parametrize("name", catalog.HEADS)
def test_exported_program_agrees_after_a_reload(name: str) -> None:
    row = catalog.HEADS[name]
    memory = {"memory_length": 2, "include_current_frame": True} if row.uses_memory else {}
    torch.manual_seed(0)
    model = build_model(tiny(head=name, **memory)).eval()
    for parameter in model.parameters():  # branches that start as a no-op
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.3)
    clip = torch.randn(1, model.memory_length + 1, 3, 32, 48)
    file = io.BytesIO()

    torch.export.save(torch.export.export(model, (clip,)), file)
    file.seek(0)
    (logits,) = torch.export.load(file).module()(clip)

    torch.testing.assert_close(logits, model(clip)[0])


def trained(tmp_path: Path, **changes: Any) -> tuple[Path, dict[str, torch.Tensor]]:
    """Return the weights of a network with other initial weights, and their file."""
    torch.manual_seed(1)
    model = build_model(tiny(**changes))
    state = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    save_file(state, tmp_path / "weights.safetensors")
    return tmp_path / "weights.safetensors", state


def equal_parts(model: torch.nn.Module, state: dict[str, torch.Tensor]) -> set[str]:
    """Return the parts of a network of which all weights are equal to those in a state."""
    own = model.state_dict()
    parts = {name.partition(".")[0] for name in own}
    unequal = {n.partition(".")[0] for n, w in own.items() if not torch.equal(w, state[n])}
    return parts - unequal


@pytest.mark.parametrize(
    ("part", "parts"), [("backbone", {"backbone"}), ("network", {"backbone", "head", "auxiliary"})]
)
def test_network_starts_from_a_part_of_another_trial(
    part: str, parts: set[str], tmp_path: Path
) -> None:
    file, state = trained(tmp_path)

    torch.manual_seed(0)
    model = build_model(tiny(weights=f"{part}:0123456789ab"), file)

    assert equal_parts(model, state) == parts


def test_equal_seeds_give_equal_heads_whatever_the_weights_of_the_backbone(tmp_path: Path) -> None:
    file, _ = trained(tmp_path)
    models = []
    for weights in ("none", "backbone:0123456789ab"):
        torch.manual_seed(0)
        models.append(build_model(tiny(weights=weights), file))

    assert equal_parts(models[1], models[0].state_dict()) == {"head", "auxiliary"}


def test_auxiliary_head_that_the_other_trial_lacks_stays_random(tmp_path: Path) -> None:
    file, state = trained(tmp_path, auxiliary_weight=0.0)

    model = build_model(tiny(weights="network:0123456789ab"), file)

    assert equal_parts(model, {**model.state_dict(), **state}) == {"backbone", "head", "auxiliary"}


def test_network_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    file, _ = trained(tmp_path, head="psp")

    with pytest.raises(UserError, match="do not fit the network: head.*is not in the network"):
        build_model(tiny(weights="network:0123456789ab"), file)


def test_without_the_other_trial_all_weights_are_random() -> None:
    """A smoke test trains no other trial."""
    model = build_model(tiny(weights="network:0123456789ab"))

    assert count_parameters(model) == count_parameters(build_model(tiny()))

"""Weight files: read without executing anything, checked against a network, loaded into it."""

from collections.abc import Mapping
from pathlib import Path

import torch
import torchvision
from safetensors.torch import load_file
from torch import Tensor, nn

from vss.errors import UserError
from vss.models.backbones import ResNet
from vss.untrusted.archive import check_archive
from vss.untrusted.limited_file import name_of, open_limited
from vss.untrusted.messages import one_line
from vss.untrusted.weights_file import LIMIT, is_safetensors

_ARCHIVES = (b"PK\x03\x04", b"\x80")  # what torch.save writes: zip, before PyTorch 1.6 a pickle


def load_weights(backbone: ResNet, name: str, weights: str, path: Path | None) -> None:
    """Load initial weights into a backbone, without torchvision's ImageNet classifier.

    Args:
        backbone: the network to initialise.
        name: its name in the catalog, which is also torchvision's name.
        weights: "imagenet", or "sha256:..." of the file at `path`.
        path: a .safetensors or .pth file; nothing in it is executed. If it contains a whole
            network (`vss-orch import-weights`), only the backbone is used.

    Raises:
        UserError: naming tensors whose names or shapes do not fit.
    """
    if weights == "imagenet":
        state = torchvision.models.get_model_weights(name)["IMAGENET1K_V1"].get_state_dict(
            check_hash=True
        )
    else:
        assert path is not None  # noqa: S101  # the orchestrator passes it with every digest
        state = read_state(path)
    prefix = "backbone."
    part = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
    state = part or {key: value for key, value in state.items() if not key.startswith("fc.")}
    check_fits(backbone, state, str(path or weights))
    backbone.load_state_dict(state)


def read_state(path: Path) -> dict[str, Tensor]:
    """Read tensors by name from safetensors, or from a PyTorch file without executing anything.

    Raises:
        UserError: if the file contains anything else.
    """
    with open_limited(path, "weights", LIMIT) as file:
        start = file.read(9)
    try:
        if is_safetensors(start):  # stored files are named by their digest, without a suffix
            return load_file(path)
        if not start.startswith(_ARCHIVES) and path.suffix != ".safetensors":
            raise UserError("it is neither safetensors nor a PyTorch file")
        check_archive(path, LIMIT)
        state = torch.load(path, map_location="cpu", weights_only=True)
        if isinstance(state, dict) and isinstance(state.get("state_dict"), dict):
            state = dict(state["state_dict"])  # OpenMMLab stores the optimiser's state next to it
    except Exception as error:  # a damaged or malicious file can raise anything
        reason = getattr(error, "strerror", None) or one_line(str(error), 120)
        # PyTorch's message advises executing the file.
        if not reason or reason.startswith("Weights only load failed"):
            reason = "it is not a PyTorch file, or it contains more than tensors"
        raise UserError(f"cannot read {name_of(path)} as weights: {reason}") from None
    is_state = isinstance(state, dict) and all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in state.items()
    )
    if not is_state:
        raise UserError(f"weights file {name_of(path)} is not a plain mapping of names to tensors")
    return state


def check_fits(model: nn.Module, state: dict[str, Tensor], source: str) -> None:
    """Check that tensors have the names and shapes of a model's parameters.

    Raises:
        UserError: naming up to three that do not.
    """
    if (problems := describe_misfits(model, state)) is not None:
        raise UserError(f"weights {name_of(Path(source))} do not fit the network: {problems}")


def describe_misfits(model: nn.Module, state: Mapping[str, Tensor]) -> str | None:
    """Name up to three tensors that do not have the names and shapes of a model's parameters.

    Returns:
        them, or None if all do.
    """
    expected = {key: tuple(value.shape) for key, value in model.state_dict().items()}
    shapes = {key: tuple(value.shape) for key, value in state.items()}
    problems = [f"{key} is missing" for key in expected.keys() - shapes.keys()]
    problems += [f"{key} is not in the network" for key in shapes.keys() - expected.keys()]
    problems += [
        f"{key} has shape {shapes[key]}, but the network expects {expected[key]}"
        for key in expected.keys() & shapes.keys()
        if expected[key] != shapes[key]
    ]
    if not problems:
        return None
    more = f" and {len(problems) - 3} more" if len(problems) > 3 else ""
    return "; ".join(one_line(problem, 100) for problem in sorted(problems)[:3]) + more

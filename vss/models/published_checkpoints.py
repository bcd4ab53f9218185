"""Convert published checkpoints to our parameter names; parity tests use the same table.

Sources: `tmanet` (the published code of TMANet), `mmseg` (the OpenMMLab segmentation toolbox 1.2),
`torchvision` (its ResNet classifiers). Their backbones already have our names; "conv" and "bn" of
their ConvModule are "0" and "1" of our ConvNormReLU.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from vss.errors import UserError
from vss.media.temporary_path import check_writable_file, temporary_path
from vss.models.weights import read_state
from vss.suggestions import did_you_mean, list_names
from vss.untrusted.messages import one_line

SOURCES = ("tmanet", "mmseg", "torchvision")

_FCN = {"convs.0": "conv", "conv_seg": "classifier.1"}
_MAX_SLOTS = 16

# Our head -> prefix of a parameter's name in the source -> our prefix.
HEAD_NAMES: dict[str, dict[str, str]] = {
    "fcn": _FCN,
    "psp": {
        **{f"psp_modules.{level}.1": f"pyramid.levels.{level}" for level in range(4)},
        "bottleneck": "bottleneck",
        "conv_seg": "classifier.1",
    },
    "nonlocal": {
        "convs.0": "conv_in",
        "convs.1": "conv_out",
        "conv_cat": "bottleneck",
        "nl_block.g": "attention.value",
        "nl_block.theta": "attention.query",
        "nl_block.phi": "attention.key",
        "nl_block.conv_out": "attention.output",
        "conv_seg": "classifier.1",
    },
    "danet": {
        **{
            f"{short}_{end}_conv": f"{branch}.conv_{end}"
            for short, branch in (("pam", "position"), ("cam", "channel"))
            for end in ("in", "out")
        },
        **{f"pam.{kind}_project": f"position.{kind}" for kind in ("query", "key", "value")},
        "pam.gamma.scale": "position.gamma",
        "cam.gamma.scale": "channel.gamma",
        "conv_seg": "classifiers.fused.1",
        "pam_conv_seg": "classifiers.branches.0.1",
        "cam_conv_seg": "classifiers.branches.1.1",
    },
    "ccnet": {
        "convs.0": "conv_in",
        "convs.1": "decoder.conv_out",
        "conv_cat": "decoder.bottleneck",
        **{f"cca.{kind}_conv": f"attention.{kind}" for kind in ("query", "key", "value")},
        "cca.gamma.scale": "attention.gamma",
        "conv_seg": "decoder.classifier.1",
    },
    "ann": {
        **{
            f"{part}.stages.0.{kind}_project": f"{part}.{ours}"
            for part in ("fusion", "context")
            for kind, ours in (
                ("query", "query"), ("key", "key"), ("value", "value"), ("out", "output"),
            )
        },
        "fusion.bottleneck": "fusion.bottleneck",
        "context.bottleneck": "context.bottleneck",
        "bottleneck": "bottleneck",
        "conv_seg": "classifier.1",
    },
    "tma": {
        **{
            f"memory_{kind}_conv.{layer}.{slot}": f"read.memory_{kind}.{slot}.{layer}"
            for kind in ("key", "value")
            for layer in (0, 1)
            for slot in range(_MAX_SLOTS)
        },
        **{
            f"query_{kind}_conv.{layer}": f"read.query_{kind}.{layer}"
            for kind in ("key", "value")
            for layer in (0, 1)
        },
        "bottleneck": "read.bottleneck",
        "conv_seg": "classifier.1",
    },
}  # fmt: skip


def convert_file(
    file: Path, source: str, head: str | None, out: Path | None = None
) -> tuple[Path, int]:
    """Convert a checkpoint file.

    Args:
        file: the .pth or .safetensors file; nothing in it is executed.
        source: one of SOURCES.
        head: our name of its decode head; by default `tma` for tmanet.
        out: the file to write, by default next to `file`.

    Returns:
        the path of the new file and its number of tensors.

    Raises:
        UserError: if the file is not a checkpoint of this source and head, or `out` cannot be
            written.
    """
    if source not in SOURCES:
        hint = did_you_mean(source, dict.fromkeys(SOURCES))
        raise UserError(f"unknown source '{source}'{hint} (choose from {', '.join(SOURCES)})")
    out = out or file.with_suffix(".safetensors")
    if out.resolve() == file.resolve():
        raise UserError(f"{out} is the checkpoint itself: choose a different --out")
    check_writable_file(out)
    head = "tma" if source == "tmanet" and head is None else head
    tensors = convert_state(read_state(file), source, head)
    _write(tensors, out)
    return out, len(tensors)


def _write(tensors: dict[str, Tensor], out: Path) -> None:
    unfinished = temporary_path(out)
    try:
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, unfinished)
        unfinished.replace(out)
    except SafetensorError as error:  # such as a full disk
        raise UserError(f"cannot write {out}: {one_line(str(error))}") from None
    finally:
        unfinished.unlink(missing_ok=True)


def rename_head_parameter(head: str, name: str) -> str | None:
    """Return our name for a parameter of a source's head, or None if our head does not have it.

    Raises:
        KeyError: if the name is unknown.
    """
    if head == "ann" and name.startswith("context.stages.0.query_project"):
        return None  # the query projection shares the tensors of the key projection
    names = HEAD_NAMES[head]
    if name in names:
        return names[name]
    prefixes = [prefix for prefix in names if name.startswith(f"{prefix}.")]
    if not prefixes:
        raise KeyError(name)
    prefix = max(prefixes, key=len)
    rest = name.removeprefix(f"{prefix}.")
    if re.fullmatch(r"conv\.bias", rest) or (
        prefix.startswith("nl_block") and prefix != "nl_block.conv_out"
    ):
        return f"{names[prefix]}.{rest.removeprefix('conv.')}"  # a ConvModule without a norm
    return f"{names[prefix]}.{rest.replace('conv.', '0.').replace('bn.', '1.')}"


def convert_state(state: Mapping[str, Tensor], source: str, head: str | None) -> dict[str, Tensor]:
    """Convert a published checkpoint to the state of a VideoSegmenter, or of its backbone.

    Args:
        state: published name -> tensor.
        source: one of SOURCES.
        head: our name of its decode head; None for torchvision's classifiers.

    Raises:
        UserError: naming tensors that do not belong to such a checkpoint.
    """
    if source == "torchvision":
        backbone = {name: x for name, x in state.items() if not name.startswith("fc.")}
        return {f"backbone.{name}": x for name, x in backbone.items()}
    if head is None:
        raise UserError(
            f"--from {source} needs --head, the decode head of the checkpoint (one of "
            f"{list_names(HEAD_NAMES)})"
        )
    if head not in HEAD_NAMES:
        hint = did_you_mean(head, HEAD_NAMES)
        raise UserError(f"unknown --head '{head}'{hint} (choose from {list_names(HEAD_NAMES)})")
    renamed_tensors, unknown = {}, []
    for full_name, tensor in state.items():
        part, _, name = full_name.removeprefix("module.").partition(".")
        try:
            ours = _rename_parameter(part, name, head)
        except KeyError:
            unknown.append(full_name)
            continue
        if ours is not None:
            renamed_tensors[ours] = tensor
    if unknown or not renamed_tensors:
        examples = ", ".join(sorted(unknown)[:3]) or "no tensor"
        more = " and more" if len(unknown) > 3 else ""
        prefixes = ", ".join(list(HEAD_NAMES[head])[:3])
        raise UserError(
            f"not a checkpoint from {source} with head '{head}': it has {examples}{more}, but "
            f"names must start with backbone, decode_head ({prefixes}, ...) or auxiliary_head"
        )
    return renamed_tensors


def _rename_parameter(part: str, name: str, head: str) -> str | None:
    match part:
        case "backbone":
            return f"backbone.{name}"
        case "decode_head":
            ours = rename_head_parameter(head, name)
            return None if ours is None else f"head.{ours}"
        case "auxiliary_head":
            return f"auxiliary.{rename_head_parameter('fcn', name)}"
    raise KeyError(part)

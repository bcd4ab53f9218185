"""Consistency rules between the settings of a trial. Imports no torch.

Each rule is a function that raises a ValueError naming the culprit, its value and the remedy.
`check_rules` applies them in order and reports the first broken one.
"""

import json
from typing import TYPE_CHECKING

from vss import catalog
from vss.options import ALL_OPTIONS, find_setting, list_choices_with

if TYPE_CHECKING:
    from vss.trial_config import TrialConfig

WEIGHT_PARTS = ("backbone", "network")  # of another trial's network, as in weights "network:ID"


def check_rules(config: "TrialConfig") -> None:
    """Check all rules.

    Raises:
        ValueError: describing the first broken rule.
    """
    for rule in RULES:
        rule(config)


def _options_belong_to_choices(config: "TrialConfig") -> None:
    accepted_options = config.option_defaults()
    for option in ALL_OPTIONS:
        value = getattr(config, option)
        if value is not None and option not in accepted_options:
            setting, choices = find_setting(option), list_choices_with(option)
            raise ValueError(
                f"'{option}' applies only to {choices} (got {json.dumps(value)}): "
                f"remove it for {setting} {getattr(config, setting)}"
            )


def _memory_suits_head(config: "TrialConfig") -> None:
    uses_memory = catalog.HEADS[config.head].uses_memory
    if not uses_memory and config.memory_length > 0:
        raise ValueError(
            f"head '{config.head}' reads only the current frame: "
            f"set memory_length to 0 (got {config.memory_length})"
        )
    if not uses_memory and config.include_current_frame:
        raise ValueError(
            f"head '{config.head}' has no memory: set include_current_frame to false (got true)"
        )
    if uses_memory and config.memory_length == 0 and not config.include_current_frame:
        raise ValueError(
            f"head '{config.head}' needs at least 1 memory frame: "
            "set memory_length above 0 (got 0) or include_current_frame to true"
        )


def _current_frame_suits_head(config: "TrialConfig") -> None:
    if catalog.HEADS[config.head].requires_current_frame and not config.include_current_frame:
        raise ValueError(
            f"the memory of head '{config.head}' always includes the current frame: "
            "set include_current_frame to true (got false)"
        )


def _attention_axes_suit_head(config: "TrialConfig") -> None:
    if config.attention_axes is None:
        return
    allowed_axes = catalog.HEADS[config.head].axes
    axes = config.attention_axes.split("+")
    if axes != [axis for axis in allowed_axes if axis in axes]:
        raise ValueError(
            f"attention_axes '{config.attention_axes}' is invalid for head "
            f"'{config.head}': join some of {', '.join(allowed_axes)} with +, in this order"
        )
    if "time" in allowed_axes and "time" not in axes:
        raise ValueError(
            f"attention_axes '{config.attention_axes}' lacks time: add it, as head "
            f"'{config.head}' would not read its memory otherwise"
        )


def _pooling_has_tokens(config: "TrialConfig") -> None:
    default = catalog.HEADS[config.head].options.get("pooling")
    if config.pyramid_position is False and config.pooling != default:
        raise ValueError(
            f"pooling ({config.pooling}) has no effect while pyramid_position is false: "
            "remove it, or set pyramid_position to true"
        )


def _distillation_is_complete(config: "TrialConfig") -> None:
    if config.teacher == "none" and (config.distillation_weight, config.temperature) != (0.0, 1.0):
        raise ValueError(
            f"distillation_weight ({config.distillation_weight}) and temperature "
            f"({config.temperature}) have no effect without a teacher: remove them, or name a "
            "teacher"
        )
    if config.teacher != "none" and config.distillation_weight == 0:
        raise ValueError(
            f"teacher '{config.teacher}' has no effect: set distillation_weight above 0 (got 0)"
        )


def _batch_suits_head(config: "TrialConfig") -> None:
    smallest = catalog.HEADS[config.head].smallest_batch
    if config.batch_size < smallest:
        raise ValueError(
            f"head '{config.head}' needs a batch_size of at least {smallest} (got "
            f"{config.batch_size}): one of its batch norms sees a single value per clip and channel"
        )


def _scales_are_ordered(config: "TrialConfig") -> None:
    if config.scale_min > config.scale_max:
        raise ValueError(
            f"scale_min ({config.scale_min}) is above scale_max ({config.scale_max}): "
            "lower one or raise the other"
        )


def _windows_have_a_stride(config: "TrialConfig") -> None:
    if (config.window, config.window_stride) == (0, 0):
        return
    if not 0 < config.window_stride <= config.window:
        raise ValueError(
            f"window ({config.window}) and window_stride ({config.window_stride}) do not match: "
            "set the stride to at least 1 and at most the window, or set both to 0"
        )


def _class_weights_suit_dataset(config: "TrialConfig") -> None:
    weights, classes = config.class_weights, config.class_names
    if not isinstance(weights, list):
        return
    if len(weights) != len(classes):
        raise ValueError(
            f"class_weights has {len(weights)} entries, but dataset '{config.dataset}' has "
            f"{len(classes)} classes: {', '.join(classes)}"
        )
    if min(weights) < 0 or max(weights) == 0:
        raise ValueError(
            f"class_weights must not be negative, and at least one must be positive (got {weights})"
        )


def _hard_examples_have_a_threshold(config: "TrialConfig") -> None:
    default = type(config).model_fields["ohem_min_share"].default
    if config.ohem_threshold == 0 and config.ohem_min_share != default:
        raise ValueError(
            f"ohem_min_share ({config.ohem_min_share}) has no effect while ohem_threshold is 0: "
            "remove it, or set ohem_threshold above 0"
        )


def _best_step_is_evaluated(config: "TrialConfig") -> None:
    if config.select == "best_val" and config.eval_every == 0:
        raise ValueError("select: best_val needs eval_every above 0 (got 0)")


def _imagenet_weights_exist(config: "TrialConfig") -> None:
    if config.weights != "imagenet":
        return
    if not catalog.BACKBONES[config.backbone].has_imagenet_weights:
        raise ValueError(
            f"there are no imagenet weights for backbone '{config.backbone}': "
            "set weights to none or, in a spec, to the path of a file"
        )
    if config.width != 64:
        raise ValueError(f"imagenet weights need width 64 (got {config.width})")


def _folder_is_described(config: "TrialConfig") -> None:
    if config.dataset == "folder" and not (config.dataset_file and config.classes):
        raise ValueError(
            "dataset 'folder' needs dataset_file: the path of the YAML file that describes the data"
        )


def _weights_are_contents(config: "TrialConfig") -> None:
    kind, _, hexadecimal = config.weights.partition(":")
    digits = {"sha256": 64, **dict.fromkeys(WEIGHT_PARTS, 12)}.get(kind)
    is_content = len(hexadecimal) == digits and set(hexadecimal) <= set("0123456789abcdef")
    if config.weights not in ("none", "imagenet") and not is_content:
        raise ValueError(
            f"weights '{config.weights}' is neither none, imagenet, sha256:<64 hex digits> nor "
            "backbone: or network:<12 hex digits>: only a spec may contain a path or name a cell"
        )


def _early_stop_is_early(config: "TrialConfig") -> None:
    if config.stop_step and config.stop_step >= config.steps:
        raise ValueError(
            f"stop_step ({config.stop_step}) is not before the last of {config.steps} steps: "
            "lower it, or set it to 0 to train all steps"
        )


def _untrained_networks_are_complete(config: "TrialConfig") -> None:
    if config.steps > 0:
        return
    if not config.weights.startswith(("sha256:", "network:")):
        raise ValueError(
            "steps is 0, so nothing is trained: set weights to a file with a whole network or to "
            "{cell: CELL, part: network} "
            f"(got {config.weights}), or set steps above 0"
        )
    if config.teacher != "none":
        raise ValueError(
            f"teacher '{config.teacher}' has no effect in 0 steps: remove it, or set steps above 0"
        )
    if config.select != "last":
        raise ValueError(f"select: {config.select} has no effect in 0 steps: remove it")


RULES = (
    _options_belong_to_choices,
    _memory_suits_head,
    _current_frame_suits_head,
    _attention_axes_suit_head,
    _pooling_has_tokens,
    _distillation_is_complete,
    _batch_suits_head,
    _scales_are_ordered,
    _windows_have_a_stride,
    _class_weights_suit_dataset,
    _hard_examples_have_a_threshold,
    _best_step_is_evaluated,
    _imagenet_weights_exist,
    _folder_is_described,
    _weights_are_contents,
    _early_stop_is_early,
    _untrained_networks_are_complete,
)

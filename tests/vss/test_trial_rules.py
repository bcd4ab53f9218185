"""The rules between the settings of a trial."""

from typing import Any

import pytest

from tests.conftest import TINY, tiny
from vss.errors import UserError
from vss.trial_config import parse_settings


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"memory_lenght": 2}, "unknown setting 'memory_lenght': did you mean 'memory_length'?"),
        ({"head": "fnc", "memory_length": None}, "unknown head 'fnc': did you mean 'fcn'?"),
        ({"head": "tam"}, "unknown head 'tam': did you mean 'tma'?"),
        ({"backbone": "resnet19"}, "unknown backbone 'resnet19': did you mean 'resnet1"),
        ({"memory_length": 2}, "head 'fcn' reads only the current frame: set memory_length to 0"),
        ({"include_current_frame": True}, "head 'fcn' has no memory: set include_current_frame"),
        ({"head": "tma"}, "head 'tma' needs at least 1 memory frame"),
        ({"share_slots": True}, "'share_slots' applies only to head tma, apnb_tma, "),
        (
            {"momentum": 0.9},
            "'momentum' applies only to optimizer sgd (got 0.9): remove it for",
        ),
        ({"steps": "4"}, "'steps': must be a whole number (got '4')"),
        ({"steps": -1}, "'steps': must be at least 0 (got -1)"),
        ({"steps": 0}, "steps is 0, so nothing is trained: set weights to a file with a"),
        ({"flip": 1}, "'flip': must be true or false (got 1)"),
        ({"precision": "auto"}, "'precision': must be 'fp32' or 'bf16' (got 'auto')"),
        ({"scale_min": 2.0}, "scale_min (2.0) is above scale_max (1.0)"),
        ({"select": "best_val"}, "select: best_val needs eval_every above 0 (got 0)"),
        ({"weights": "imagenet"}, "imagenet weights need width 64 (got 8)"),
        ({"weights": "w.pth"}, "weights 'w.pth' is neither none, imagenet, sha256:"),
        ({"weights": "backbone:0123"}, "weights 'backbone:0123' is neither none"),
        ({"weights": "head:0123456789ab"}, "weights 'head:0123456789ab' is neither none"),
        ({"steps": 0, "weights": "backbone:0123456789ab"}, "steps is 0, so nothing is trained"),
        ({"head": "psp", "batch_size": 1}, "head 'psp' needs a batch_size of at least 2 (got 1)"),
    ],
)
def test_bad_setting_is_named_with_its_value_and_the_remedy(
    change: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError) as error:
        parse_settings({**TINY, **change})

    assert message in str(error.value)
    assert "\n" not in str(error.value)


DIGEST = f"sha256:{'0' * 64}"
CONTRADICTIONS = {
    "cc3d without the current frame": (
        {"head": "cc3d", "memory_length": 1},
        "always includes the current frame: set include_current_frame to true",
    ),
    "axes in the wrong order": (
        {"head": "ccnet", "attention_axes": "row+column"}, "join some of column, row with",
    ),
    "unknown axis": (
        {"head": "ccnet", "attention_axes": "depth"}, "attention_axes 'depth' is invalid",
    ),
    "memory that is not read": (
        {"head": "cc_tma", "memory_length": 1, "attention_axes": "column+row"},
        "lacks time: add it",
    ),
    "pooling that is not read": (
        {"head": "da_asym_tma", "memory_length": 1, "pyramid_position": False, "pooling": "flat"},
        "has no effect while pyramid_position is false: remove it",
    ),
    "unknown pooling": (
        {"head": "apnb_tma", "memory_length": 1, "pooling": "sphere"}, "'cube', 'clip'",
    ),
    "option of a different head": (
        {"head": "tma", "memory_length": 1, "recurrence": 3}, "applies only to head ccnet, cc3d",
    ),
    "too few class weights": ({"class_weights": [1.0, 2.0]}, "has 2 entries.*has 8 classes"),
    "negative class weight": ({"class_weights": [1.0] * 7 + [-1.0]}, "must not be negative"),
    "teacher in 0 steps": (
        {"steps": 0, "weights": DIGEST, "teacher": "0123456789ab", "distillation_weight": 1.0},
        "teacher '0123456789ab' has no effect in 0 steps",
    ),
    "early stop that is late": (
        {"steps": 4, "stop_step": 4},
        r"stop_step \(4\) is not before the last of 4 steps: lower it",
    ),
    "best of 0 steps": (
        {"steps": 0, "weights": DIGEST, "select": "best_val", "eval_every": 1},
        "select: best_val has no effect in 0 steps",
    ),
    "unknown split": ({"scored_split": "dev"}, "'train', 'val' or 'test' \\(got 'dev'\\)"),
    "share without a threshold": (
        {"ohem_min_share": 0.5}, "has no effect while ohem_threshold is 0: remove it",
    ),
}  # fmt: skip


@pytest.mark.parametrize("contradiction", CONTRADICTIONS)
def test_contradictory_settings_are_refused(contradiction: str) -> None:
    settings, message = CONTRADICTIONS[contradiction]

    with pytest.raises(UserError, match=message):
        tiny(**settings)

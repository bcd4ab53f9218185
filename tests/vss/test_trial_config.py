"""The settings of a trial and its identity."""

from typing import Any

import pytest

from tests.conftest import TINY, TINY_MEMORY, tiny
from vss.errors import UserError
from vss.trial_config import TrialConfig, parse


def test_equal_settings_have_equal_identity() -> None:
    assert parse(dict(TINY)).trial_id == parse(dict(reversed(TINY.items()))).trial_id


def test_identity_is_pinned() -> None:
    """A changed digest turns every finished trial of every user into a new one."""
    assert tiny().trial_id == "df36690cce25"


@pytest.mark.parametrize(
    "change",
    [{"seed": 1}, {"memory_length": 1}, {"precision": "bf16"}, {"weights": "sha256:" + "0" * 64},
     {"share_slots": True}, {"clips": 3}],
)  # fmt: skip
def test_every_difference_is_another_trial(change: dict[str, Any]) -> None:
    assert parse({**TINY_MEMORY, **change}).trial_id != parse(TINY_MEMORY).trial_id


def test_a_default_that_is_spelt_out_is_the_same_trial() -> None:
    spelt_out = parse({**TINY_MEMORY, "dropout": 0.1, "share_slots": False, "weights": "none"})

    assert spelt_out.trial_id == parse(TINY_MEMORY).trial_id


def test_whole_number_for_a_fraction_is_the_same_trial() -> None:
    assert tiny(learning_rate=1).trial_id == tiny(learning_rate=1.0).trial_id


def test_settings_survive_a_round_trip() -> None:
    config = parse(TINY_MEMORY)

    assert parse(config.settings()) == config


def test_settings_leave_out_what_does_not_apply() -> None:
    assert "share_slots" not in tiny().settings()
    assert parse(TINY_MEMORY).settings()["share_slots"] is False


@pytest.mark.parametrize("name", ["backbone", "head", "memory_length", "include_current_frame"])
def test_what_is_compared_has_no_default(name: str) -> None:
    settings = {key: value for key, value in TINY.items() if key != name}

    with pytest.raises(UserError, match=f"'{name}' is missing: it has no default, state it"):
        parse(settings)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"memory_lenght": 2}, "unknown setting 'memory_lenght'; did you mean 'memory_length'?"),
        ({"head": "tam"}, "unknown head 'tam'; did you mean 'tma'?"),
        ({"backbone": "resnet19"}, "unknown backbone 'resnet19'; did you mean 'resnet1"),
        ({"memory_length": 2}, "head 'fcn' sees the current frame only: set memory_length to 0"),
        ({"include_current_frame": True}, "head 'fcn' has no memory: set include_current_frame"),
        ({"head": "tma"}, "head 'tma' needs at least 1 memory frame"),
        ({"share_slots": True}, "'share_slots' (it is true) is only for head tma, apnb_tma, "),
        ({"momentum": 0.9}, "'momentum' (it is 0.9) is only for optimizer sgd; remove it for opt"),
        ({"steps": "4"}, "'steps': input should be a valid integer (it is '4')"),
        ({"steps": -1}, "'steps': input should be greater than or equal to 0 (it is -1)"),
        ({"steps": 0}, "steps is 0, so nothing is trained: set weights to a file that holds the"),
        ({"flip": 1}, "'flip': input should be a valid boolean (it is 1)"),
        ({"precision": "auto"}, "'precision': input should be 'fp32' or 'bf16' (it is 'auto')"),
        ({"scale_min": 2.0}, "scale_min (2.0) is above scale_max (1.0)"),
        ({"select": "best_val"}, "select: best_val needs eval_every above 0 (it is 0)"),
        ({"weights": "imagenet"}, "imagenet weights are for width 64: it is 8"),
        ({"weights": "w.pth"}, "weights 'w.pth' is neither none, imagenet nor sha256:"),
        ({"head": "psp", "batch_size": 1}, "head 'psp' needs a batch_size of at least 2 (it is 1)"),
    ],
)
def test_bad_setting_is_named_with_its_value_and_the_remedy(
    change: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError) as error:
        parse({**TINY, **change})

    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_memory_head_may_read_the_current_frame_alone() -> None:
    config = tiny(head="tma", include_current_frame=True)

    assert config.memory_slots == 1


def test_memory_slots_count_the_current_frame_too() -> None:
    assert parse({**TINY_MEMORY, "include_current_frame": True}).memory_slots == 3


def test_null_means_not_given() -> None:
    assert tiny(share_slots=None) == tiny()


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        TrialConfig(**TINY).seed = 1  # type: ignore[misc]


DIGEST = f"sha256:{'0' * 64}"
MISTAKES = {
    "cc3d without the current frame": (
        {"head": "cc3d", "memory_length": 1},
        "always holds the current frame: set include_current_frame to true",
    ),
    "axes in another order": (
        {"head": "ccnet", "attention_axes": "row+column"}, "join some of column, row by",
    ),
    "unknown axis": (
        {"head": "ccnet", "attention_axes": "depth"}, "attention_axes 'depth' is not a choice",
    ),
    "memory that is not read": (
        {"head": "cc_tma", "memory_length": 1, "attention_axes": "column+row"}, "lacks time",
    ),
    "pooling that is not read": (
        {"head": "da_asym_tma", "memory_length": 1, "pyramid_position": False, "pooling": "flat"},
        "means nothing without pyramid_position",
    ),
    "unknown pooling": (
        {"head": "apnb_tma", "memory_length": 1, "pooling": "sphere"}, "'cube', 'clip'",
    ),
    "option of another head": (
        {"head": "tma", "memory_length": 1, "recurrence": 3}, "only for head ccnet, cc3d",
    ),
    "too few class weights": ({"class_weights": [1.0, 2.0]}, "has 2 entries.*has 8 classes"),
    "negative class weight": ({"class_weights": [1.0] * 7 + [-1.0]}, "must be 0 or above"),
    "teacher of nothing": (
        {"steps": 0, "weights": DIGEST, "teacher": "0123456789ab", "distillation_weight": 1.0},
        "teacher '0123456789ab' teaches nothing in 0 steps",
    ),
    "choice among no steps": (
        {"steps": 0, "weights": DIGEST, "select": "best_val", "eval_every": 1},
        "select: best_val means nothing in 0 steps",
    ),
    "unknown split": ({"scored_split": "dev"}, "'train', 'val' or 'test' \\(it is 'dev'\\)"),
    "share without mining": ({"ohem_min_share": 0.5}, "means nothing without"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_settings_that_have_no_meaning_are_refused(mistake: str) -> None:
    settings, message = MISTAKES[mistake]

    with pytest.raises(UserError, match=message):
        tiny(**settings)


def test_scoring_a_trained_network_is_a_trial_of_its_own() -> None:
    trained = tiny()
    scored = [tiny(steps=0, weights=DIGEST[:-1] + last) for last in "01"]

    assert len({config.trial_id for config in (trained, *scored)}) == 3
    assert tiny(scored_split="test").trial_id == trained.trial_id
    assert tiny(scored_split="val").trial_id != trained.trial_id


def test_void_class_adds_void_in_front_and_keeps_the_identity_without() -> None:
    eleven = tiny(dataset="camvid", clips=None)
    twelve = tiny(dataset="camvid", clips=None, void_class=True)

    assert (len(eleven.class_names), eleven.void_index) == (11, None)
    assert (twelve.class_names[:2], twelve.void_index) == (("Void", "Sky"), 0)
    assert len(twelve.class_names) == 12
    assert tiny(dataset="camvid", clips=None, void_class=False).trial_id == eleven.trial_id
    assert twelve.trial_id != eleven.trial_id

"""The settings of a trial and its identity."""

from dataclasses import replace
from typing import Any

import pytest

from tests.conftest import TINY, TINY_MEMORY, tiny
from vss import catalog
from vss.errors import UserError
from vss.trial_config import TrialConfig, parse_settings


def test_order_of_settings_does_not_change_the_identity() -> None:
    backwards = dict(reversed(TINY.items()))

    assert parse_settings(backwards).trial_id == parse_settings(dict(TINY)).trial_id


def test_identity_is_pinned() -> None:
    """A different digest would turn every finished trial of every user into a new one."""
    assert tiny().trial_id == "df36690cce25"


def test_revised_head_gives_different_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    unrevised = tiny().trial_id

    revised_row = replace(catalog.HEADS["fcn"], revision=1)
    monkeypatch.setitem(catalog.HEADS, "fcn", revised_row)

    assert tiny().trial_id != unrevised


def test_trials_of_unrevised_heads_keep_their_identity() -> None:
    revised = {name for name, row in catalog.HEADS.items() if row.revision}

    assert revised == {"nonlocal", "ann", "afnb_tma", "asym_tma", "da_asym_tma"}
    assert parse_settings(TINY_MEMORY).trial_id == "b8a55174993a"


@pytest.mark.parametrize(
    "change",
    [{"seed": 1}, {"memory_length": 1}, {"precision": "bf16"}, {"weights": "sha256:" + "0" * 64},
     {"share_slots": True}, {"clips": 3}],
)  # fmt: skip
def test_every_difference_makes_a_different_trial(change: dict[str, Any]) -> None:
    changed = parse_settings({**TINY_MEMORY, **change})

    assert changed.trial_id != parse_settings(TINY_MEMORY).trial_id


def test_sources_are_the_trials_that_a_trial_needs() -> None:
    lesson = {"teacher": "0123456789ab", "distillation_weight": 1.0}

    sources = [
        tiny().sources,
        tiny(weights="sha256:" + "0" * 64).sources,
        tiny(weights="network:ba9876543210", **lesson).sources,
    ]

    assert sources == [{}, {}, {"teacher": "0123456789ab", "weights": "ba9876543210"}]


def test_explicit_default_does_not_change_the_identity() -> None:
    defaults = {"dropout": 0.1, "share_slots": False, "weights": "none"}

    config = parse_settings({**TINY_MEMORY, **defaults})

    assert config.trial_id == parse_settings(TINY_MEMORY).trial_id


def test_equal_integer_and_float_give_the_same_identity() -> None:
    assert tiny(learning_rate=1).trial_id == tiny(learning_rate=1.0).trial_id


def test_settings_survive_a_round_trip() -> None:
    config = parse_settings(TINY_MEMORY)

    assert parse_settings(config.settings()) == config


def test_settings_omit_options_that_do_not_apply() -> None:
    assert "share_slots" not in tiny().settings()
    assert parse_settings(TINY_MEMORY).settings()["share_slots"] is False


@pytest.mark.parametrize("name", ["backbone", "head", "memory_length", "include_current_frame"])
def test_compared_setting_has_no_default(name: str) -> None:
    settings = {key: value for key, value in TINY.items() if key != name}

    with pytest.raises(UserError, match=f"'{name}' is missing: set it \\(it has no default\\)"):
        parse_settings(settings)


def test_memory_may_consist_of_the_current_frame_alone() -> None:
    config = tiny(head="tma", include_current_frame=True)

    assert config.memory_slots == 1


def test_memory_slots_include_the_current_frame() -> None:
    assert parse_settings({**TINY_MEMORY, "include_current_frame": True}).memory_slots == 3


def test_null_means_unset() -> None:
    assert tiny(share_slots=None) == tiny()


def test_settings_are_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        TrialConfig(**TINY).seed = 1  # type: ignore[misc]


DIGEST = f"sha256:{'0' * 64}"


def test_scoring_a_trained_network_is_a_trial_of_its_own() -> None:
    trained = tiny()
    scored = [tiny(steps=0, weights=DIGEST[:-1] + last) for last in "01"]

    assert len({config.trial_id for config in (trained, *scored)}) == 3
    assert tiny(scored_split="test").trial_id == trained.trial_id
    assert tiny(scored_split="val").trial_id != trained.trial_id


def test_void_class_adds_void_in_front_and_changes_the_identity_only_if_set() -> None:
    without_void = tiny(dataset="camvid", clips=None)
    with_void = tiny(dataset="camvid", clips=None, void_class=True)

    assert (len(without_void.class_names), without_void.void_index) == (11, None)
    assert (with_void.class_names[:2], with_void.void_index) == (("Void", "Sky"), 0)
    assert len(with_void.class_names) == 12
    assert tiny(dataset="camvid", clips=None, void_class=False).trial_id == without_void.trial_id
    assert with_void.trial_id != without_void.trial_id

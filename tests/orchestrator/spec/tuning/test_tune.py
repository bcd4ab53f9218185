"""The section `tune` of a spec."""

from typing import Any

import pytest
from pydantic import ValidationError

from orchestrator.spec.tuning.tune import SEARCHABLE_SETTINGS, Tune
from vss.trial_config import TrialConfig

SEARCH = {"learning_rate": {"log_uniform": [1e-4, 1e-2]}}


def tune(**changes: Any) -> Tune:
    return Tune(**{"search": SEARCH, "samples": 8, **changes})


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("head", "'head' cannot be searched: it would change the network, the data, the scores"),
        ("batch_size", "'batch_size' cannot be searched"),
        ("learning_rat", "unknown setting 'learning_rat': did you mean 'learning_rate'?"),
    ],
)
def test_only_settings_of_the_training_can_be_searched(name: str, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        tune(search={name: [1, 2]})


def test_searchable_settings_exist() -> None:
    assert set(SEARCHABLE_SETTINGS) <= TrialConfig.model_fields.keys()


@pytest.mark.parametrize(
    ("steps", "milestones"), [(900, [100, 300]), (500, [56, 168]), (5, [1, 3]), (2, [1]), (1, [])]
)
def test_milestones_are_a_ninth_and_a_third_of_the_steps(steps: int, milestones: list[int]) -> None:
    assert tune(scheduler="asha").milestones(steps) == milestones


def test_without_a_scheduler_samples_are_compared_at_the_end_only() -> None:
    assert tune().milestones(900) == []


def test_samples_have_seeds_of_their_own() -> None:
    assert list(tune(samples=2, first_seed=70).seeds) == [70, 71]

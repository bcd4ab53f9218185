"""Interim verdicts: outstanding trials, and plans that changed."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import pytest

from orchestrator.ledger.entries import ExperimentStatus, State, TrialStatus
from orchestrator.ledger.overview.budget_status import BudgetStatus
from orchestrator.results.interim import explain_interim
from tests.orchestrator.results.test_records import experiment, trial

LOOKS = (3, 5, 7, 10)


def find_reason(trials: Sequence[TrialStatus], **plan: Any) -> str | None:
    status: ExperimentStatus = dataclasses.replace(experiment(), **plan)
    return explain_interim(status, trials)


def finished_trials(*seeds: int) -> list[TrialStatus]:
    return [trial(seed=seed) for seed in seeds]


def test_complete_experiment_is_final() -> None:
    assert find_reason(finished_trials(0, 1, 2), seeds=[0, 1, 2]) is None
    assert find_reason(finished_trials(0, 1, 2)) is None


@pytest.mark.parametrize("state", [State.PENDING, State.RUNNING, State.CANCELLED])
def test_outstanding_trial_makes_verdicts_interim(state: State) -> None:
    trials = [*finished_trials(0, 1), trial(seed=2, state=state)]

    assert find_reason(trials, seeds=[0, 1, 2]) == "1 of 3 planned trials has not finished"


def test_failed_trial_is_not_outstanding() -> None:
    assert (
        find_reason([*finished_trials(0, 1), trial(seed=2, state=State.FAILED)], seeds=[0, 1, 2])
        is None
    )


def test_trials_not_yet_imported_make_verdicts_interim() -> None:
    assert (
        find_reason(finished_trials(0), seeds=[0, 1, 2])
        == "2 of 3 planned trials have not finished"
    )


def test_network_that_is_only_scored_has_no_planned_seeds() -> None:
    scored = trial(cell="b", settings={"steps": 0})

    assert find_reason([*finished_trials(0, 1, 2), scored], seeds=[0, 1, 2]) is None


def test_look_is_complete_with_its_own_seeds() -> None:
    plan: dict[str, Any] = {"seeds": range(10), "looks": LOOKS}

    assert find_reason(finished_trials(*range(5)), **plan) is None
    assert (
        find_reason(finished_trials(*range(4)), **plan) == "1 of 5 planned trials has not finished"
    )


def test_cell_that_an_early_look_settled_lacks_no_seeds() -> None:
    settled = [trial(cell="settled", seed=seed) for seed in range(3)]
    plan: dict[str, Any] = {"seeds": range(10), "looks": LOOKS}

    assert find_reason([*finished_trials(*range(5)), *settled], **plan) is None
    assert (
        find_reason([*finished_trials(*range(5)), *settled[:2]], **plan)
        == "1 of 8 planned trials has not finished"
    )


def test_changed_plan_makes_verdicts_interim_for_good() -> None:
    text = find_reason(finished_trials(0, 1, 2, 3, 4), seeds=range(5), earlier_seeds=[0, 1, 2])

    assert text is not None
    assert text.startswith("the planned seeds changed (from 3 to 5) after trials had finished")


def test_used_up_budget_is_given_as_the_reason() -> None:
    trials = [*finished_trials(0, 1), trial(seed=2, state=State.PENDING)]
    budget = BudgetStatus({"gpu_hours": 2.0}, {"gpu_hours": 2.5, "trial_hours": 2.5})

    assert find_reason(trials, seeds=[0, 1, 2], budget=budget) == (
        "1 of 3 planned trials has not finished; the budget is used up (2.5 of 2 GPU hours)"
    )

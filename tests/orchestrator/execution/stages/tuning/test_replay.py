"""How far a search has got, by what is known of its samples. The searcher is a small fake."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from orchestrator.execution.stages.tuning.replay import FAILED, Progress, replay
from orchestrator.spec.trial_builder import PlannedTrial
from orchestrator.spec.tuning.searches import CellSearch
from orchestrator.spec.tuning.tune import Tune
from tests.conftest import tiny

RATES = [0.1, 0.2, 0.3, 0.4]


class BestHalf:
    """Proposes fixed rates, two at a time, and lets the better half go on."""

    def propose(self, tune: Tune, scores: Sequence[float]) -> list[dict[str, Any]]:
        return [{"learning_rate": rate} for rate in RATES[: len(scores) + 2]]

    def find_survivors(self, steps: int, milestone: int, scores: Sequence[float]) -> list[int]:
        ranked = sorted(range(len(scores)), key=lambda n: -scores[n])
        return sorted(ranked[: len(scores) // 2])

    def close(self) -> None:
        pass


def build(values: Mapping[str, Any], number: int, last_step: int) -> PlannedTrial:
    stop = last_step if last_step < 9 else 0
    config = tiny(**values, seed=50 + number, steps=9, stop_step=stop)
    return replace(PlannedTrial("a", config), sample=number)


def progress(scheduler: str, *scores: Mapping[tuple[int, int], float]) -> Progress:
    """Return the progress of a search, given {(sample, last step): score}."""
    tune = Tune(search={"learning_rate": [0.1, 0.2, 0.3, 0.4]}, samples=4, scheduler=scheduler)
    score_by_id = {
        build({"learning_rate": RATES[number]}, number, step).trial_id: score
        for group in scores
        for (number, step), score in group.items()
    }
    return replay(CellSearch("a", tune, 9), build, BestHalf(), score_by_id)


def names(state: Progress) -> list[tuple[int, int]]:
    return [(trial.sample or 0, trial.config.last_step) for trial in state.samples]


FIRST = {(0, 9): 0.1, (1, 9): 0.3}
SECOND = {(2, 9): 0.5, (3, 9): 0.4}


def test_search_begins_with_what_is_proposed_without_any_score() -> None:
    state = progress("none")

    assert names(state) == [(0, 9), (1, 9)]
    assert not state.is_over


def test_next_samples_wait_until_all_before_them_have_ended() -> None:
    assert names(progress("none", {(0, 9): 0.1})) == [(0, 9), (1, 9)]
    assert names(progress("none", FIRST)) == [(0, 9), (1, 9), (2, 9), (3, 9)]


def test_settings_of_the_best_sample_are_found() -> None:
    state = progress("none", FIRST, SECOND)

    assert state.is_over
    assert state.settings == {"learning_rate": 0.3}


def test_failed_sample_is_the_worst() -> None:
    state = progress("none", FIRST, {(2, 9): FAILED, (3, 9): 0.0})

    assert state.settings == {"learning_rate": 0.2}


def test_search_whose_samples_all_failed_finds_nothing() -> None:
    state = progress("none", {(number, 9): FAILED for number in range(4)})

    assert state.is_over
    assert state.settings is None


RUNG_1 = {(0, 1): 0.1, (1, 1): 0.3, (2, 1): 0.2, (3, 1): 0.4}
RUNG_2 = {(1, 3): 0.6, (3, 3): 0.5}


def test_only_the_best_samples_go_on_after_a_milestone() -> None:
    state = progress("asha", RUNG_1)

    assert names(state)[4:] == [(1, 3), (3, 3)]


def test_settings_of_the_sample_that_got_furthest_are_found() -> None:
    state = progress("asha", RUNG_1, RUNG_2, {(1, 9): 0.2})

    assert names(state)[6:] == [(1, 9)]
    assert state.settings == {"learning_rate": 0.2}


def test_if_the_last_sample_fails_the_best_before_it_is_found() -> None:
    state = progress("asha", RUNG_1, RUNG_2, {(1, 9): FAILED})

    assert state.settings == {"learning_rate": 0.2}


def test_failed_samples_never_go_on() -> None:
    state = progress("asha", {(number, 1): FAILED for number in range(4)})

    assert state.is_over
    assert state.settings is None

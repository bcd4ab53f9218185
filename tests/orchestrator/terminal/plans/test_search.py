"""What a plan says of a search."""

import pytest

from orchestrator.spec.file import load_spec
from orchestrator.terminal.plans.search import (
    describe_search,
    describe_searches,
    estimate_seconds,
)
from tests.conftest import TINY_SPEC, SpecWriter

TUNE = """tune:
  search: {learning_rate: {log_uniform: [0.001, 1]}, dropout: [0, 0.1]}
  samples: 9
  steps: 90
"""


def test_plan_says_what_is_searched_and_how_much_that_is(write_spec: SpecWriter) -> None:
    lines = list(describe_search(load_spec(write_spec(TINY_SPEC + TUNE))))

    assert lines == [
        "search: learning_rate from 0.001 to 1, log-uniform; dropout from 0, 0.1, "
        "in each of 2 cells",
        "search: 18 samples, drawn at random; 1,620 steps, after which the study trains 16",
    ]


def test_fewer_samples_go_on_after_each_milestone(write_spec: SpecWriter) -> None:
    experiment = load_spec(write_spec(f"{TINY_SPEC}{TUNE}  scheduler: asha\n"))

    line = list(describe_search(experiment))[1]
    assert experiment.tuning is not None
    searches = describe_searches(experiment.tuning)

    # 9 samples to step 10, 3 to step 30, 1 to step 90
    assert f"about {2 * (9 * 10 + 3 * 20 + 60)} steps" in line
    assert searches["image"]["compared_after_steps"] == [10, 30, 90]
    assert searches["image"]["steps_at_most"] == 810


def test_time_of_the_search_follows_from_that_of_a_trial(write_spec: SpecWriter) -> None:
    experiment = load_spec(write_spec(TINY_SPEC + TUNE))

    seconds = estimate_seconds(experiment, {"image": 4.0, "memory": 8.0})

    assert sum(seconds) == pytest.approx(9 * 90 * (1 + 2))


def test_plan_without_a_search_says_nothing(write_spec: SpecWriter) -> None:
    experiment = load_spec(write_spec(TINY_SPEC))

    assert list(describe_search(experiment)) == []
    assert estimate_seconds(experiment, {"image": 1.0}) == []

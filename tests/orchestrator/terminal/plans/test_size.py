"""The size of a plan."""

import pytest

from orchestrator.spec.file import load_spec
from orchestrator.terminal.plans.size import (
    describe_count,
    describe_looks,
    describe_time,
    format_duration,
)
from tests.conftest import TINY_SPEC, SpecWriter

LOOKS_SPEC = TINY_SPEC.replace("seeds: [0, 1]", "seeds: {from: 3, to: 10}")


def test_time_is_that_of_all_trials(write_spec: SpecWriter) -> None:
    experiment = load_spec(write_spec(TINY_SPEC))

    line = describe_time(experiment, {"image": 60.0, "memory": 120.0}, slots=2)

    assert line == "time: about 6 min one after the other, 3 min with 2 at a time on this machine"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "1 s"), (45, "45 s"), (100, "2 min"), (12_000, "3 h 20 min"), (500_000, "138 h")],
)
def test_durations_have_two_units_at_most(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


def test_looks_make_ranges_of_trials_and_times(write_spec: SpecWriter) -> None:
    experiment = load_spec(write_spec(LOOKS_SPEC))

    assert describe_count(experiment) == "6 to 20 trials"
    assert list(describe_looks(experiment))[:2] == [
        "look 1: 3 seeds, 6 trials",
        "look 2: 5 seeds, at most 10 trials",
    ]
    assert describe_time(experiment, {"image": 60.0, "memory": 120.0}, slots=2) == (
        "time: about 9 min to 30 min one after the other, 5 min to 15 min with 2 at a time on "
        "this machine"
    )


def test_plan_up_to_a_look_ends_there(write_spec: SpecWriter) -> None:
    first, second = (load_spec(write_spec(LOOKS_SPEC)).at_look(look) for look in (1, 2))

    assert describe_count(first) == "6 trials"
    assert describe_count(second) == "6 to 10 trials"
    assert len(list(describe_looks(second))) == 2

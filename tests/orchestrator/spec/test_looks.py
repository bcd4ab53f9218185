"""Planned looks in a spec: their numbers of seeds, and the trials of each."""

import pytest

from orchestrator.spec.looks import SeedRange, find_look
from tests.orchestrator.spec.conftest import SpecLoader
from vss.errors import UserError

RANGE = "cells: {a: {}, b: {memory_length: 2}}\nseeds: {from: 3, to: 10}"


@pytest.mark.parametrize(
    ("first", "last", "looks"),
    [
        (3, 10, (3, 5, 7, 10)),
        (3, 4, (3, 4)),
        (3, 5, (3, 4, 5)),
        (5, 20, (5, 10, 15, 20)),
        (4, 9, (4, 5, 7, 9)),
    ],
)
def test_at_most_four_looks_are_spread_evenly(
    first: int, last: int, looks: tuple[int, ...]
) -> None:
    assert SeedRange(**{"from": first, "to": last}).looks == looks


def test_range_plans_all_seeds(load: SpecLoader) -> None:
    experiment = load(RANGE)

    assert experiment.seeds == tuple(range(10))
    assert experiment.looks == (3, 5, 7, 10)
    assert len(experiment.trials) == 20


def test_list_plans_no_looks(load: SpecLoader) -> None:
    experiment = load("cells: {a: {}}\nseeds: [4, 7]")

    assert (experiment.seeds, experiment.looks) == ((4, 7), ())
    with pytest.raises(UserError, match="--look 2: 'study' plans no looks; write for example"):
        experiment.at_look(2)


def test_look_contains_the_seeds_of_earlier_looks(load: SpecLoader) -> None:
    second = load(RANGE).at_look(2)

    assert sorted({trial.config.seed for trial in second.trials}) == [0, 1, 2, 3, 4]
    assert second.seeds == tuple(range(10))
    assert list(second.cells) == ["a", "b"]


@pytest.mark.parametrize("look", [0, 5])
def test_look_that_is_not_planned_is_refused(look: int, load: SpecLoader) -> None:
    with pytest.raises(UserError, match=f"--look {look}: 'study' plans looks 1 to 4"):
        load(RANGE).at_look(look)


def test_look_follows_from_the_highest_seed() -> None:
    looks = (3, 5, 7, 10)

    assert [find_look(looks, range(n)) for n in (0, 1, 3, 4, 5, 6, 10)] == [1, 1, 1, 2, 2, 3, 4]
    assert find_look((), [0, 9]) == 1


@pytest.mark.parametrize(
    ("seeds", "message"),
    [
        ("{from: 2, to: 10}", "seeds: 'from': must be at least 3"),
        ("{from: 3, to: 3}", r"seeds: 'to' \(3\) must be greater than 'from' \(3\)"),
        ("{from: 3}", "seeds: 'to' is missing"),
        ("{from: 3, too: 5}", "seeds: 'to' is missing.*unknown setting 'too': did you mean 'to'"),
        ("{from: 3, to: ten}", "seeds: 'to': must be a whole number"),
    ],
)
def test_mistake_in_a_range_is_named(seeds: str, message: str, load: SpecLoader) -> None:
    with pytest.raises(UserError, match=message):
        load(f"cells: {{a: {{}}}}\nseeds: {seeds}")


def test_teacher_must_be_trained_at_the_first_look(load: SpecLoader) -> None:
    cells = "cells: {a: {}, b: {width: 8, teacher: a, distillation_weight: 0.5, teacher_seed: 7}}"

    with pytest.raises(UserError, match="teacher_seed 7 is not one of the seeds"):
        load(f"{cells}\nseeds: {{from: 3, to: 10}}")


def test_margin_is_in_points(load: SpecLoader) -> None:
    assert load("cells: {a: {}}\nmargin: 0.5").margin_points == 0.5
    assert load("cells: {a: {}}\nmargin: 1").margin_points == 1.0
    assert load("cells: {a: {}}").margin_points is None


@pytest.mark.parametrize("margin", ["0", "-1", "wide"])
def test_margin_must_be_a_positive_number(margin: str, load: SpecLoader) -> None:
    with pytest.raises(UserError, match="'margin': must be"):
        load(f"cells: {{a: {{}}}}\nmargin: {margin}")

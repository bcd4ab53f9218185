"""How far an experiment with planned looks has got."""

from collections.abc import Mapping

from orchestrator.ledger.entries import TrialStatus
from orchestrator.terminal.overview.look_line import describe_look
from tests.orchestrator.results.test_records import trial

LOOKS = (3, 5, 7, 10)


def trials(counts: Mapping[str, int]) -> list[TrialStatus]:
    return [trial(cell=cell, seed=seed) for cell, count in counts.items() for seed in range(count)]


def test_first_look_may_become_every_seed_of_every_cell() -> None:
    line = describe_look(LOOKS, "base", trials({"base": 3, "a": 3}))

    assert line == "look 1 of 4 (3 of at most 10 seeds): 6 to 20 trials"


def test_cells_that_are_settled_get_no_more() -> None:
    line = describe_look(LOOKS, "base", trials({"base": 5, "a": 3, "b": 5}))

    assert line == "look 2 of 4 (5 of at most 10 seeds): 13 to 23 trials"


def test_more_seeds_of_a_source_from_an_earlier_plan_are_no_later_look() -> None:
    line = describe_look(LOOKS, "base", trials({"base": 3, "a": 3, "pretraining": 5}))

    assert line == "look 1 of 4 (3 of at most 10 seeds): 11 to 30 trials"


def test_last_look_has_all_its_trials() -> None:
    line = describe_look(LOOKS, "base", trials({"base": 10, "a": 3}))

    assert line == "look 4 of 4 (10 of at most 10 seeds): 13 trials"


def test_list_of_seeds_has_no_look() -> None:
    assert describe_look((), "base", trials({"base": 3})) is None
    assert describe_look(LOOKS, "base", []) is None

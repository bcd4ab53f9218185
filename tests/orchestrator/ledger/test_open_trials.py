"""The order in which a ledger hands out the trials of an experiment."""

import pytest

from orchestrator.ledger.driver import Driver
from orchestrator.ledger.entries import ExperimentEntry, Member, State
from orchestrator.ledger.ledger import Ledger
from orchestrator.spec.trial_builder import PlannedTrial
from tests.conftest import tiny
from tests.orchestrator.ledger.conftest import ANOTHER, DATA, STUDY, ids, members


def names(ledger: Ledger) -> list[tuple[str, int]]:
    with ledger.driver() as driver:
        return [(trial.cell, trial.seed) for trial in driver.open_trials("study")]


def cell(name: str, *seeds: int, priority: int = 0, **settings: object) -> list[Member]:
    return [
        Member(PlannedTrial(name, tiny(seed=seed, **settings), priority), DATA) for seed in seeds
    ]


def test_first_seed_of_every_cell_comes_before_the_second(ledger: Ledger) -> None:
    ledger.add(STUDY, [*cell("a", 7, 3), *cell("b", 7, 3, width=16), *cell("c", 7, 3, width=24)])

    assert names(ledger) == [("a", 7), ("b", 7), ("c", 7), ("a", 3), ("b", 3), ("c", 3)]


def chain() -> list[Member]:
    """A trial that starts from the weights of another one, which does so too."""
    first = cell("first", 0, width=16)
    second = cell("second", 0, weights=f"backbone:{first[0].trial.trial_id}")
    third = cell("third", 0, weights=f"network:{second[0].trial.trial_id}")
    return [*third, *second, *first, *cell("plain", 0)]


def test_each_link_of_a_chain_waits_for_the_one_before(ledger: Ledger) -> None:
    ledger.add(STUDY, chain())
    starts = []

    with ledger.driver() as driver:
        while open_trials := driver.open_trials("study"):
            starts.append([trial.cell for trial in open_trials if trial.can_start()])
            trial = next(trial for trial in open_trials if trial.can_start())
            (claim,) = driver.claim([trial.trial_id])
            driver.end(claim, State.FINISHED)

    assert starts == [["first", "plain"], ["second", "plain"], ["third", "plain"], ["plain"]]


def test_trial_with_two_sources_waits_for_both(ledger: Ledger) -> None:
    big, small = cell("big", 0, width=16)[0], cell("small", 0, width=24)[0]
    lesson = {"teacher": big.trial.trial_id, "distillation_weight": 1}
    weights = f"backbone:{small.trial.trial_id}"
    ledger.add(STUDY, [big, small, *cell("student", 0, weights=weights, **lesson)])
    can_start = []

    with ledger.driver() as driver:
        for member in (big, small):
            (claim,) = driver.claim([member.trial.trial_id])
            driver.end(claim, State.FINISHED)
            can_start.append(student_can_start(driver))
        (student,) = driver.open_trials("study")

    assert can_start == [False, True]
    assert [(source.trial_id, source.setting) for source in student.sources] == [
        (big.trial.trial_id, "teacher"), (small.trial.trial_id, "weights"),
    ]  # fmt: skip


def test_teachers_come_first(ledger: Ledger) -> None:
    teachers = cell("teacher", 0, 1, width=16)
    students = [
        student
        for seed, teacher in enumerate(teachers)
        for student in cell("student", seed, teacher=teacher.trial.trial_id, distillation_weight=1)
    ]

    ledger.add(STUDY, [*cell("a", 0, 1), *students, *teachers])

    assert names(ledger) == [
        ("teacher", 0), ("teacher", 1), ("a", 0), ("student", 0), ("a", 1), ("student", 1),
    ]  # fmt: skip


def test_priority_comes_before_everything_else(ledger: Ledger) -> None:
    ledger.add(STUDY, [*cell("a", 0, 1), *cell("urgent", 0, 1, priority=2, width=16)])

    assert names(ledger) == [("urgent", 0), ("urgent", 1), ("a", 0), ("a", 1)]


def student_can_start(driver: Driver) -> bool:
    (student,) = [t for t in driver.open_trials("study") if t.cell == "student"]
    return student.can_start()


def test_student_can_start_once_its_own_teacher_has_finished(ledger: Ledger) -> None:
    teachers = cell("teacher", 0, 1, width=16)
    lesson = {"teacher": teachers[0].trial.trial_id, "distillation_weight": 1}
    ledger.add(STUDY, [*teachers, *cell("student", 0, **lesson)])

    with ledger.driver() as driver:
        before = student_can_start(driver)
        (claim,) = driver.claim([teachers[0].trial.trial_id])
        driver.end(claim, State.FINISHED, None, None)
        after = student_can_start(driver)

    assert (before, after) == (False, True)


def test_ended_trials_and_those_of_other_experiments_are_not_open(ledger: Ledger) -> None:
    ledger.add(STUDY, members(0, 1, 2, 3))
    ledger.add(ANOTHER, members(4))
    with ledger.driver() as driver:
        endings = (State.FINISHED, State.FAILED, State.CANCELLED)
        for claim, state in zip(driver.claim(ids(0, 1, 2)), endings, strict=True):
            driver.end(claim, state, None, None)

        assert [trial.trial_id for trial in driver.open_trials("study")] == ids(3)


def test_trials_of_another_driver_are_elsewhere_and_cannot_start(ledger: Ledger) -> None:
    ledger.add(STUDY, members(0, 1))

    with ledger.driver() as one, ledger.driver() as other:
        one.claim(ids(0))

        (own,) = one.open_trials("study", held=ids(0))
        theirs, free = other.open_trials("study")

    assert own.trial_id == ids(1)[0]
    assert (theirs.is_elsewhere, theirs.can_start()) == (True, False)
    assert free.can_start()


@pytest.mark.slow
def test_reopened_trials_are_pending_without_a_message(ledger: Ledger) -> None:
    ledger.add(ExperimentEntry("study"), members(0, 1, 2))
    with ledger.driver() as driver:
        endings = (State.FINISHED, State.FAILED, State.CANCELLED)
        for claim, state in zip(driver.claim(ids(0, 1, 2)), endings, strict=True):
            driver.end(claim, state, "why", None)

        ledger.upkeep.reopen("study")

    trials = ledger.trials("study")
    assert [trial.state for trial in trials] == [State.FINISHED, State.PENDING, State.PENDING]
    assert [trial.message for trial in trials[1:]] == [None, None]

"""The ledger: experiments, their trials, and what changes when they are submitted again."""

from collections.abc import Sequence

import pytest
import sqlalchemy as sa

from orchestrator.ledger import tables
from orchestrator.ledger.entries import Changes, ExperimentEntry, ImportedTrial, State
from orchestrator.ledger.ledger import Ledger
from tests.conftest import tiny
from tests.orchestrator.ledger.conftest import ANOTHER, STUDY, ids, members, only
from vss.errors import UserError


def test_new_trials_are_pending_and_keep_their_order(ledger: Ledger) -> None:
    ledger.add(STUDY, members(2, 0, 1))

    trials = ledger.trials("study")

    assert [trial.trial_id for trial in trials] == ids(2, 0, 1)
    assert {trial.state for trial in trials} == {State.PENDING}
    assert trials[0].settings == tiny(seed=2).settings()


def test_submitting_twice_adds_nothing(ledger: Ledger) -> None:
    for _ in range(2):
        ledger.add(STUDY, members(0, 1))

    assert len(ledger.trials("study")) == 2
    assert len(ledger.experiments()) == 1


def test_trial_of_two_experiments_is_one_trial_in_both(ledger: Ledger) -> None:
    ledger.add(STUDY, members(0, cell="a"))
    ledger.add(ANOTHER, members(0, cell="b"))
    with ledger.driver() as driver:
        (claim,) = driver.claim(ids(0))
        driver.end(claim, State.FINISHED, None, None)

    assert only(ledger, "study").state == only(ledger, "another").state == State.FINISHED
    assert ledger.membership(ids(0)[0]) == {"study": "a", "another": "b"}


def test_trial_that_no_experiment_lists_any_more_is_cancelled(ledger: Ledger, url: str) -> None:
    ledger.add(STUDY, members(0, 1))
    ledger.add(STUDY, members(1))

    assert [trial.trial_id for trial in ledger.trials("study")] == ids(1)
    with sa.create_engine(url).connect() as db:
        states = dict(db.execute(sa.select(tables.trials.c.trial_id, tables.trials.c.state)).all())
    assert states == {ids(0)[0]: State.CANCELLED, ids(1)[0]: State.PENDING}


def test_other_data_is_refused_once_a_trial_has_begun(ledger: Ledger) -> None:
    ledger.add(STUDY, members(0))
    with ledger.driver() as driver:
        (claim,) = driver.claim(ids(0))
        driver.start(claim, 0, None)

    with pytest.raises(
        UserError, match=r"cell 'a', seed 0 \(trial \w+\) was trained on different synth"
    ):
        ledger.add(STUDY, members(0, data="e" * 64))
    assert only(ledger).state == State.PENDING


def test_refused_submit_changes_nothing(ledger: Ledger) -> None:
    ledger.add(STUDY, members(0))
    with ledger.driver() as driver:
        driver.start(driver.claim(ids(0))[0], 0, None)

    with pytest.raises(UserError):
        ledger.add(ExperimentEntry("new"), [*members(5), *members(0, data="e" * 64)])

    assert [e.name for e in ledger.experiments()] == ["study"]


def test_other_data_is_fine_before_the_first_start(ledger: Ledger) -> None:
    ledger.add(STUDY, members(0))

    ledger.add(STUDY, members(0, data="e" * 64))

    assert only(ledger).state == State.PENDING


def test_unknown_experiment_is_refused_with_the_known_ones(ledger: Ledger) -> None:
    ledger.add(STUDY, members(0))

    with pytest.raises(UserError, match="no experiment 'studdy' in the ledger .closest: study."):
        ledger.experiment("studdy")


def test_experiments_count_their_trials_by_state(ledger: Ledger) -> None:
    ledger.add(STUDY, members(0, 1, 2))
    with ledger.driver() as driver:
        (claim,) = driver.claim(ids(0))
        driver.end(claim, State.FINISHED, None, None)

    assert ledger.experiment("study").counts == {State.FINISHED: 1, State.PENDING: 2}


def test_experiment_keeps_its_published_figures(ledger: Ledger) -> None:
    figures = {"a": {"miou": 0.7541, "train_seconds": 52953.0}}

    ledger.add(ExperimentEntry("study", "why", "name: study", "a", figures), members(0))

    assert ledger.experiment("study").published == figures


def test_runs_that_join_and_leave_an_experiment_are_returned(ledger: Ledger) -> None:
    first = ledger.add(STUDY, members(0, 1, 2))
    with ledger.driver() as driver:
        for claim in driver.claim(ids(0, 1)):
            driver.start(claim, 0, f"run of {claim.trial_id}")
    run, other_run = (f"run of {trial_id}" for trial_id in ids(0, 1))

    again = ledger.add(STUDY, members(0, 1, 2))
    moved = ledger.add(STUDY, [*members(0, cell="b"), *members(3)])
    joined = ledger.add(ANOTHER, members(1, 2))

    assert first == again == Changes(joined={}, left=[])
    assert moved == Changes(joined={run: "b"}, left=[other_run])
    assert joined == Changes(joined={other_run: "a"}, left=[])


def test_imported_trial_is_finished_and_other_members_stay(ledger: Ledger) -> None:
    ledger.add(ExperimentEntry("study", "why"), members(0))
    (member,) = members(1)

    for _ in range(2):
        ledger.add_finished(STUDY, [ImportedTrial(member, 1, "run", last_attempt=3)])

    assert [t.state for t in ledger.trials("study")] == [State.PENDING, State.FINISHED]
    assert ledger.finished_run(ids(1)[0]) == "run"
    assert ledger.finished_run(ids(0)[0]) is None
    assert ledger.experiment("study").description == "why"


def test_experiment_keeps_its_margin_and_its_plan(ledger: Ledger) -> None:
    entry = ExperimentEntry("study", margin_points=0.5, seeds=range(5), looks=[3, 4, 5])

    ledger.add(entry, members(0, 1, 2))

    status = ledger.experiment("study")
    assert (status.margin_points, status.seeds) == (0.5, [0, 1, 2, 3, 4])
    assert (status.looks, status.earlier_seeds) == ([3, 4, 5], [])


def planned(*seeds: int, looks: Sequence[int] = ()) -> ExperimentEntry:
    return ExperimentEntry("study", seeds=seeds, looks=looks)


def finish(ledger: Ledger, *seeds: int) -> None:
    with ledger.driver() as driver:
        for claim in driver.claim(ids(*seeds)):
            driver.end(claim, State.FINISHED, None, None)


def test_seeds_added_after_a_trial_finished_are_noted_for_good(ledger: Ledger) -> None:
    ledger.add(planned(0, 1), members(0, 1))
    finish(ledger, 0)

    ledger.add(planned(0, 1, 2), members(0, 1, 2))
    ledger.add(planned(0, 1), members(0, 1))

    assert ledger.experiment("study").earlier_seeds == [0, 1]


def test_seeds_added_before_a_trial_finished_are_a_plan(ledger: Ledger) -> None:
    ledger.add(planned(0, 1), members(0, 1))

    ledger.add(planned(0, 1, 2), members(0, 1, 2))

    assert ledger.experiment("study").earlier_seeds == []


def test_seeds_of_new_trials_are_a_new_plan(ledger: Ledger) -> None:
    """Nothing was seen of trials with other settings."""
    ledger.add(planned(0, 1), members(0, 1))
    finish(ledger, 0)

    ledger.add(planned(2, 3, 4), members(2, 3, 4))

    assert ledger.experiment("study").earlier_seeds == []


def test_later_look_does_not_change_the_plan(ledger: Ledger) -> None:
    plan = planned(*range(5), looks=[3, 5])
    ledger.add(plan, members(0, 1, 2))
    finish(ledger, 0, 1, 2)

    ledger.add(plan, members(*range(5)))

    assert ledger.experiment("study").earlier_seeds == []


def test_looks_that_are_planned_after_the_fact_change_the_plan(ledger: Ledger) -> None:
    ledger.add(planned(0, 1, 2), members(0, 1, 2))
    finish(ledger, 0)

    ledger.add(planned(*range(5), looks=[3, 5]), members(0, 1, 2))

    assert ledger.experiment("study").earlier_seeds == [0, 1, 2]

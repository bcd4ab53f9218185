"""The ledger: experiments, their trials, and what changes when they are submitted again."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import sqlalchemy as sa

from orchestrator.ledger import tables
from orchestrator.ledger.entries import Changes, ExperimentEntry, ImportedTrial, State
from orchestrator.ledger.ledger import Ledger
from tests.conftest import tiny
from tests.orchestrator.ledger.conftest import ANOTHER, STUDY, ids, members, only_trial
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


def test_later_trial_is_left_out_until_it_has_joined(ledger: Ledger) -> None:
    later = [replace(member, is_later=True) for member in members(2, 3)]
    ledger.add(STUDY, [*members(0, 1), *later])
    before = [trial.seed for trial in ledger.trials("study")]

    ledger.extend("study", members(3))
    ledger.add(STUDY, [*members(0, 1), *later])

    assert before == [0, 1]
    assert [trial.seed for trial in ledger.trials("study")] == [0, 1, 3]


def test_joining_trials_follow_those_of_their_cell(ledger: Ledger) -> None:
    ledger.add(STUDY, [*members(0, 1, cell="a"), *members(5, 6, cell="b")])

    ledger.extend("study", [*members(7, 6, cell="b"), *members(2, cell="a")])

    assert [(t.cell, t.seed) for t in ledger.trials("study")] == [
        ("a", 0), ("a", 1), ("a", 2), ("b", 5), ("b", 6), ("b", 7),
    ]  # fmt: skip


def test_joining_cells_take_their_place_in_the_spec(ledger: Ledger) -> None:
    ledger.add(STUDY, [*members(1, 0, cell="a"), *members(5, cell="c")])

    ledger.extend("study", members(3, cell="b"), cells=["a", "b", "c"])

    assert [(t.cell, t.seed) for t in ledger.trials("study")] == [
        ("a", 0), ("a", 1), ("b", 3), ("c", 5),
    ]  # fmt: skip


def test_joining_trial_that_ran_elsewhere_is_named_with_its_run(ledger: Ledger) -> None:
    ledger.add(ANOTHER, members(1))
    with ledger.driver() as driver:
        (claim,) = driver.claim(ids(1))
        driver.start(claim, 0, "run 1")
        driver.end(claim, State.FINISHED)
    ledger.add(STUDY, members(0))

    changes = ledger.extend("study", members(1, cell="b"))

    assert changes == Changes(joined={"run 1": "b"}, left=[])


@pytest.mark.slow
def test_submits_at_the_same_moment_add_a_shared_trial_once(url: str) -> None:
    entries = [STUDY, STUDY, ANOTHER, ANOTHER]
    ledgers = [Ledger(url) for _ in entries]
    barrier = threading.Barrier(len(entries))

    def add(ledger: Ledger, entry: ExperimentEntry) -> None:
        barrier.wait()
        ledger.add(entry, members(*range(20)))

    with ThreadPoolExecutor(len(entries)) as pool:
        list(pool.map(add, ledgers, entries))

    assert [trial.trial_id for trial in ledgers[0].trials("study")] == ids(*range(20))
    assert [trial.trial_id for trial in ledgers[0].trials("another")] == ids(*range(20))


def test_two_experiments_can_share_a_trial(ledger: Ledger) -> None:
    ledger.add(STUDY, members(0, cell="a"))
    ledger.add(ANOTHER, members(0, cell="b"))
    with ledger.driver() as driver:
        (claim,) = driver.claim(ids(0))
        driver.end(claim, State.FINISHED, None, None)

    assert (
        only_trial(ledger, "study").state == only_trial(ledger, "another").state == State.FINISHED
    )
    assert ledger.membership(ids(0)[0]) == {"study": "a", "another": "b"}


def test_trial_that_no_experiment_lists_any_more_is_cancelled(ledger: Ledger, url: str) -> None:
    ledger.add(STUDY, members(0, 1))
    ledger.add(STUDY, members(1))

    assert [trial.trial_id for trial in ledger.trials("study")] == ids(1)
    with sa.create_engine(url).connect() as db:
        states = dict(db.execute(sa.select(tables.trials.c.trial_id, tables.trials.c.state)).all())
    assert states == {ids(0)[0]: State.CANCELLED, ids(1)[0]: State.PENDING}


def test_different_data_is_refused_once_a_trial_has_started(ledger: Ledger) -> None:
    ledger.add(STUDY, members(0))
    with ledger.driver() as driver:
        (claim,) = driver.claim(ids(0))
        driver.start(claim, 0, None)

    with pytest.raises(
        UserError, match=r"cell 'a', seed 0 \(trial \w+\) was trained on different s"
    ):
        ledger.add(STUDY, members(0, data="e" * 64))
    assert only_trial(ledger).state == State.PENDING


def test_refused_submit_changes_nothing(ledger: Ledger) -> None:
    ledger.add(STUDY, members(0))
    with ledger.driver() as driver:
        driver.start(driver.claim(ids(0))[0], 0, None)

    with pytest.raises(UserError):
        ledger.add(ExperimentEntry("new"), [*members(5), *members(0, data="e" * 64)])

    assert [e.name for e in ledger.experiments()] == ["study"]


def test_different_data_is_accepted_before_a_trial_starts(ledger: Ledger) -> None:
    ledger.add(STUDY, members(0))

    ledger.add(STUDY, members(0, data="e" * 64))

    assert only_trial(ledger).state == State.PENDING


def test_unknown_experiment_is_refused_with_the_names_in_the_ledger(ledger: Ledger) -> None:
    ledger.add(STUDY, members(0))

    with pytest.raises(
        UserError,
        match=r"no experiment 'studdy' in the ledger \(experiments: study\): did you mean 'study'",
    ):
        ledger.experiment("studdy")


@pytest.mark.slow
def test_unknown_experiment_is_refused_with_the_five_closest(ledger: Ledger) -> None:
    for number in range(12):
        ledger.add(ExperimentEntry(f"depth_{number}"), members(number))
    ledger.add(ExperimentEntry("backbone"), members(99))

    with pytest.raises(
        UserError, match=r"\(closest: (depth_\d+, ){4}depth_\d+\): did you mean"
    ) as error:
        ledger.experiment("depht_3")

    assert "closest: depth_3, " in str(error.value)


def test_unknown_experiment_is_refused_with_advice_if_the_ledger_is_empty(ledger: Ledger) -> None:
    with pytest.raises(UserError, match="in the ledger, which is empty: submit a spec first"):
        ledger.experiment("study")


def test_experiments_count_their_trials_by_state(ledger: Ledger) -> None:
    ledger.add(STUDY, members(0, 1, 2))
    with ledger.driver() as driver:
        (claim,) = driver.claim(ids(0))
        driver.end(claim, State.FINISHED, None, None)

    assert ledger.experiment("study").counts == {State.FINISHED: 1, State.PENDING: 2}


def test_experiment_keeps_its_published_results(ledger: Ledger) -> None:
    published = {"a": {"miou": 0.7541, "train_seconds": 52953.0}}

    ledger.add(ExperimentEntry("study", "why", "name: study", "a", published), members(0))

    assert ledger.experiment("study").published == published


def test_runs_that_join_and_leave_an_experiment_are_returned(ledger: Ledger) -> None:
    first = ledger.add(STUDY, members(0, 1, 2))
    with ledger.driver() as driver:
        for claim in driver.claim(ids(0, 1)):
            driver.start(claim, 0, f"run of {claim.trial_id}")
    first_run, second_run = (f"run of {trial_id}" for trial_id in ids(0, 1))

    unchanged = ledger.add(STUDY, members(0, 1, 2))
    changed = ledger.add(STUDY, [*members(0, cell="b"), *members(3)])
    another = ledger.add(ANOTHER, members(1, 2))

    assert first == unchanged == Changes(joined={}, left=[])
    assert changed == Changes(joined={first_run: "b"}, left=[second_run])
    assert another == Changes(joined={second_run: "a"}, left=[])


def test_imported_trial_is_finished_and_other_members_stay(ledger: Ledger) -> None:
    ledger.add(ExperimentEntry("study", "why"), members(0))
    (member,) = members(1)

    for _ in range(2):
        ledger.add_finished(STUDY, [ImportedTrial(member, 1, "run", last_attempt=3)])

    assert [t.state for t in ledger.trials("study")] == [State.PENDING, State.FINISHED]
    assert ledger.finished_runs(ids(0, 1)) == {ids(1)[0]: "run"}
    assert ledger.experiment("study").description == "why"


def test_experiment_keeps_its_margin_and_its_plan(ledger: Ledger) -> None:
    entry = ExperimentEntry("study", margin_points=0.5, seeds=range(5), looks=[3, 4, 5])

    ledger.add(entry, members(0, 1, 2))

    status = ledger.experiment("study")
    assert (status.margin_points, status.seeds) == (0.5, [0, 1, 2, 3, 4])
    assert (status.looks, status.earlier_seeds) == ([3, 4, 5], [])


def entry_with_plan(*seeds: int, looks: Sequence[int] = ()) -> ExperimentEntry:
    return ExperimentEntry("study", seeds=seeds, looks=looks)


def finish(ledger: Ledger, *seeds: int) -> None:
    with ledger.driver() as driver:
        for claim in driver.claim(ids(*seeds)):
            driver.end(claim, State.FINISHED, None, None)


def test_seeds_added_after_a_trial_finished_are_recorded_permanently(ledger: Ledger) -> None:
    ledger.add(entry_with_plan(0, 1), members(0, 1))
    finish(ledger, 0)

    ledger.add(entry_with_plan(0, 1, 2), members(0, 1, 2))
    ledger.add(entry_with_plan(0, 1), members(0, 1))

    assert ledger.experiment("study").earlier_seeds == [0, 1]


def test_seeds_added_before_a_trial_finished_belong_to_the_plan(ledger: Ledger) -> None:
    ledger.add(entry_with_plan(0, 1), members(0, 1))

    ledger.add(entry_with_plan(0, 1, 2), members(0, 1, 2))

    assert ledger.experiment("study").earlier_seeds == []


def test_new_trials_start_a_new_plan(ledger: Ledger) -> None:
    """The results of trials with different settings reveal nothing about them."""
    ledger.add(entry_with_plan(0, 1), members(0, 1))
    finish(ledger, 0)

    ledger.add(entry_with_plan(2, 3, 4), members(2, 3, 4))

    assert ledger.experiment("study").earlier_seeds == []


def test_later_look_does_not_change_the_plan(ledger: Ledger) -> None:
    entry = entry_with_plan(*range(5), looks=[3, 5])
    ledger.add(entry, members(0, 1, 2))
    finish(ledger, 0, 1, 2)

    ledger.add(entry, members(*range(5)))

    assert ledger.experiment("study").earlier_seeds == []


def test_looks_planned_after_results_exist_change_the_plan(ledger: Ledger) -> None:
    ledger.add(entry_with_plan(0, 1, 2), members(0, 1, 2))
    finish(ledger, 0)

    ledger.add(entry_with_plan(*range(5), looks=[3, 5]), members(0, 1, 2))

    assert ledger.experiment("study").earlier_seeds == [0, 1, 2]


def add_with_sample(ledger: Ledger, cell: str = "a") -> str:
    """Add a study with one trial and one sample, and return the run of the sample."""
    (study,), (sample,) = members(0, cell=cell), members(7, cell=cell)
    sample = replace(sample, trial=replace(sample.trial, sample=3))
    changes = ledger.add(STUDY, [study, sample])
    if changes.joined:
        return next(iter(changes.joined))
    with ledger.driver() as driver:
        (claim,) = driver.claim(ids(7))
        driver.start(claim, 0, "sample's run")
        driver.end(claim, State.FINISHED, score=0.5)
    return "sample's run"


def test_samples_of_a_search_are_listed_only_on_demand(ledger: Ledger) -> None:
    add_with_sample(ledger)

    study, everything = ledger.trials("study"), ledger.trials("study", with_samples=True)

    assert [trial.name for trial in study] == ["a, seed 0"]
    assert [trial.name for trial in everything] == ["a, sample 3", "a, seed 0"]
    assert everything[0].score == 0.5


def test_run_of_a_sample_has_a_tag_of_its_own(ledger: Ledger) -> None:
    run = add_with_sample(ledger)

    changes = ledger.add(STUDY, [*members(0), *members(7, cell="b")])

    assert changes.samples == {run}
    assert ledger.run_tags(ids(7)[0]) == {"experiment/study": "b"}


def test_finished_samples_do_not_fix_the_planned_seeds(ledger: Ledger) -> None:
    (sample,) = members(7)
    first = [replace(sample, trial=replace(sample.trial, sample=0))]
    ledger.add(replace(STUDY, seeds=[0]), first)
    with ledger.driver() as driver:
        (claim,) = driver.claim(ids(7))
        driver.start(claim, 0, "run")
        driver.end(claim, State.FINISHED)

    ledger.add(replace(STUDY, seeds=[0, 1]), first)

    assert ledger.experiment("study").earlier_seeds == []

"""Names of trials: EXPERIMENT:CELL:SEED."""

from pathlib import Path

import pytest

from orchestrator.ledger.entries import Member
from orchestrator.ledger.ledger import Ledger
from orchestrator.ledger.trial_names import find_trial, find_trial_id, find_trials, split_cell
from orchestrator.spec.trial_builder import PlannedTrial
from tests.conftest import tiny
from tests.orchestrator.ledger.conftest import DATA, STUDY, ids, members
from vss.errors import UserError


@pytest.fixture
def study(tmp_path: Path) -> Ledger:
    """Return a ledger with cells of two seeds and of one."""
    ledger = Ledger(f"sqlite:///{tmp_path / 'ledger.db'}")
    ledger.add(STUDY, [*members(0, 1, cell="big"), *members(2, cell="big:0")])
    return ledger


def test_trial_is_named_by_experiment_cell_and_seed(study: Ledger) -> None:
    assert find_trial("study:big:1", study).trial_id == ids(1)[0]


def test_only_seed_of_a_cell_may_be_omitted(study: Ledger) -> None:
    assert find_trial("study:big:0", study).trial_id == ids(2)[0]  # the longest cell is meant


def test_cell_stands_for_all_its_seeds(study: Ledger) -> None:
    assert [trial.trial_id for trial in find_trials("study:big", study)] == ids(0, 1)


def test_sample_of_a_search_is_named_by_its_number(study: Ledger) -> None:
    first, longer = tiny(seed=9), tiny(seed=9, steps=7)
    samples = [Member(PlannedTrial("big", each, sample=3), DATA) for each in (first, longer)]
    study.extend("study", samples)

    assert find_trial("study:big:sample 3", study).trial_id == longer.trial_id  # it went on
    assert len(find_trials("study:big:sample 3", study)) == 2
    assert [trial.trial_id for trial in find_trials("study:big", study)] == ids(0, 1)
    with pytest.raises(UserError, match=r"no seed '9' \(seeds: sample 3, 0, 1\)"):
        find_trial("study:big:9", study)


def test_before_its_search_is_over_a_cell_stands_for_its_samples(study: Ledger) -> None:
    study.extend("study", [Member(PlannedTrial("new", tiny(seed=9), sample=0), DATA)])

    assert find_trial("study:new", study).name == "new, sample 0"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("study:big", r"names 2 trials: write 'study:big:0' \(seeds: 0, 1\)"),
        ("study:big:7", r"cell 'big' of experiment 'study' has no seed '7' \(seeds: 0, 1\)"),
        ("study:bgi", r"'study' has no cell 'bgi' \(cells: big, big:0\): did you mean 'big'"),
        ("stud:big", "no experiment 'stud'.*did you mean 'study'"),
    ],
)
def test_name_of_no_single_trial_is_refused(study: Ledger, name: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        find_trial(name, study)


def test_longest_cell_precedes_the_seed() -> None:
    assert split_cell("study", "a:b:3", ["a", "a:b"]) == ("a:b", "3")
    assert split_cell("study", "a:c", ["a", "a:b"]) == ("a", "c")


def test_trial_is_found_by_name_or_by_the_beginning_of_its_id(study: Ledger) -> None:
    (trial_id,) = ids(1)

    assert find_trial_id("study:big:1", study) == trial_id
    assert find_trial_id(trial_id[:6], study) == trial_id


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "several trials begin with ''"),
        ("studi", "no experiment or trial 'studi'.*did you mean 'study'"),
        ("study", r"is an experiment, not a trial: write study:CELL:SEED \(cells: big, big:0\)"),
    ],
)
def test_beginning_of_no_single_trial_is_refused(study: Ledger, name: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        find_trial_id(name, study)

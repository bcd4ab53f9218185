"""The look that a submit trains up to."""

import pytest

from orchestrator.execution.planned_look import choose_look
from orchestrator.ledger.entries import ExperimentEntry, Member
from orchestrator.settings import Settings
from orchestrator.spec.experiment import Experiment
from orchestrator.spec.file import load_spec
from orchestrator.stores import Stores, open_ledger
from tests.conftest import TINY_SPEC, SpecWriter
from vss.errors import UserError

PLANNED = TINY_SPEC.replace("seeds: [0, 1]", "seeds: {from: 3, to: 10}")


@pytest.fixture
def experiment(write_spec: SpecWriter) -> Experiment:
    return load_spec(write_spec(PLANNED))


def number_of_seeds(experiment: Experiment) -> int:
    return len({trial.config.seed for trial in experiment.trials})


def enter(experiment: Experiment, settings: Settings) -> None:
    members = [Member(trial, "data") for trial in experiment.trials]
    open_ledger(settings).add(ExperimentEntry.from_experiment(experiment), members)


def test_first_submit_trains_the_first_look(experiment: Experiment, settings: Settings) -> None:
    assert number_of_seeds(choose_look(experiment, None, Stores(settings))) == 3
    assert not settings.has_ledger


def test_look_can_be_named(experiment: Experiment, settings: Settings) -> None:
    assert number_of_seeds(choose_look(experiment, 3, Stores(settings))) == 7


def test_submit_without_a_look_resumes_the_last_one(
    experiment: Experiment, settings: Settings
) -> None:
    enter(experiment.at_look(2), settings)

    assert number_of_seeds(choose_look(experiment, None, Stores(settings))) == 5


def test_look_cannot_be_undone(experiment: Experiment, settings: Settings) -> None:
    enter(experiment.at_look(2), settings)

    with pytest.raises(UserError, match="--look 1: look 2 of 'tiny' was submitted before"):
        choose_look(experiment, 1, Stores(settings))


def test_list_of_seeds_has_no_looks(write_spec: SpecWriter, settings: Settings) -> None:
    experiment = load_spec(write_spec(TINY_SPEC))

    assert choose_look(experiment, None, Stores(settings)) is experiment
    with pytest.raises(UserError, match="plans no looks"):
        choose_look(experiment, 2, Stores(settings))

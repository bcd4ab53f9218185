"""The looks that a submit trains, from the first one to the last."""

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


def numbers_of_seeds(experiment: Experiment) -> tuple[int, int]:
    """Return the number of seeds to train now, and after the last look."""
    now, later = (
        {trial.config.seed for trial in trials}
        for trials in (experiment.trials, experiment.later_trials)
    )
    return len(now), len(now | later)


def enter(experiment: Experiment, settings: Settings) -> None:
    members = [Member(trial, "data") for trial in experiment.trials]
    open_ledger(settings).add(ExperimentEntry.from_experiment(experiment), members)


def test_submit_begins_with_the_first_look(experiment: Experiment, settings: Settings) -> None:
    assert numbers_of_seeds(choose_look(experiment, None, Stores(settings))) == (3, 10)
    assert not settings.has_ledger


def test_submit_can_stop_after_a_look(experiment: Experiment, settings: Settings) -> None:
    assert numbers_of_seeds(choose_look(experiment, 3, Stores(settings))) == (3, 7)


def test_look_that_was_reached_can_be_gone_on_from(
    experiment: Experiment, settings: Settings
) -> None:
    enter(experiment.at_look(2), settings)

    assert numbers_of_seeds(choose_look(experiment, 2, Stores(settings))) == (3, 5)
    assert numbers_of_seeds(choose_look(experiment, None, Stores(settings))) == (3, 10)


def test_look_cannot_be_undone(experiment: Experiment, settings: Settings) -> None:
    enter(experiment.at_look(2), settings)

    with pytest.raises(UserError, match="--look 1: look 2 of 'tiny' was submitted before"):
        choose_look(experiment, 1, Stores(settings))


def test_list_of_seeds_has_no_looks(write_spec: SpecWriter, settings: Settings) -> None:
    experiment = load_spec(write_spec(TINY_SPEC))

    assert choose_look(experiment, None, Stores(settings)) is experiment
    with pytest.raises(UserError, match="plans no looks"):
        choose_look(experiment, 2, Stores(settings))

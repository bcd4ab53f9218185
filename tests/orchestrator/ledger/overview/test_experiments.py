"""Experiments with the number of their trials in each state, and their drivers."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from orchestrator.ledger import tables
from orchestrator.ledger.entries import Member, State
from orchestrator.ledger.ledger import Ledger
from orchestrator.spec.trial_builder import PlannedTrial
from tests.conftest import tiny
from tests.orchestrator.ledger.conftest import ANOTHER, DATA, STUDY, ids, members


def test_trials_of_a_dead_driver_count_as_pending(ledger: Ledger, url: str) -> None:
    ledger.add(STUDY, members(0, 1))
    with ledger.driver() as driver:
        driver.start(driver.claim(ids(0))[0], 0, None)
        while_alive = ledger.experiment("study")
        with sa.create_engine(url).begin() as db:
            silent = tables.now() - timedelta(hours=1)
            db.execute(sa.update(tables.drivers).values(seen_at=silent))
        afterwards = ledger.experiment("study")

    assert while_alive.counts == {State.RUNNING: 1, State.PENDING: 1}
    assert len(while_alive.drivers) == 1
    assert afterwards.counts == {State.PENDING: 2}
    assert afterwards.drivers == []


def test_experiment_has_the_highest_priority_of_its_open_trials(ledger: Ledger) -> None:
    urgent = Member(PlannedTrial("a", tiny(seed=0), priority=5), DATA)
    ledger.add(STUDY, [urgent, *members(1)])
    before = ledger.experiment("study").priority
    with ledger.driver() as driver:
        driver.end(driver.claim(ids(0))[0], State.FINISHED, None, None)

    assert (before, ledger.experiment("study").priority) == (5, 0)


@pytest.mark.parametrize("name", ["study", "another"])
def test_driver_of_a_shared_trial_drives_both_experiments(ledger: Ledger, name: str) -> None:
    ledger.add(STUDY, members(0))
    ledger.add(ANOTHER, members(0))

    with ledger.driver() as driver:
        driver.claim(ids(0))
        assert len(ledger.experiment(name).drivers) == 1

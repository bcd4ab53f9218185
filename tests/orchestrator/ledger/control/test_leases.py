"""Leases: who runs an experiment."""

import os
import socket
from datetime import timedelta

import pytest
import sqlalchemy as sa

from orchestrator.ledger import tables
from orchestrator.ledger.availability.liveness import DRIVER_TIMEOUT, Contact
from orchestrator.ledger.driver import Driver
from orchestrator.ledger.ledger import Ledger
from tests.orchestrator.ledger.conftest import STUDY, members
from tests.orchestrator.ledger.rivals import compete
from vss.errors import UserError


def test_only_one_driver_gets_the_lease(ledger: Ledger) -> None:
    with ledger.driver() as first, ledger.driver(job="study-1") as second:
        answers = [
            first.take_lease("study"), second.take_lease("study"),
            first.take_lease("study"), second.take_lease("another"),
        ]  # fmt: skip
        leases = [ledger.lease(name) for name in ("study", "another")]

    assert answers == [True, False, True, True]
    assert [lease and (lease.driver, lease.pid, lease.job) for lease in leases] == [
        (first.driver_id, os.getpid(), None), (second.driver_id, os.getpid(), "study-1"),
    ]  # fmt: skip


def test_lease_ends_with_its_driver(ledger: Ledger) -> None:
    with ledger.driver() as first:
        first.take_lease("study")

    with ledger.driver() as second:
        assert ledger.lease("study") is None
        assert second.take_lease("study")


def test_lease_of_a_silent_driver_is_taken_over(
    ledger: Ledger, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Contact, "is_established", True)
    with ledger.driver() as first, ledger.driver() as second:
        first.take_lease("study")
        ledger.upkeep.cancel_experiment("study")
        silence = tables.now() - DRIVER_TIMEOUT - timedelta(seconds=1)
        with sa.create_engine(url).begin() as db:
            row = tables.drivers.c.driver == first.driver_id
            db.execute(sa.update(tables.drivers).where(row).values(seen_at=silence))

        was_free = ledger.lease("study") is None
        was_taken = second.take_lease("study")
        lease = ledger.lease("study")

    assert (was_free, was_taken) == (True, True)
    assert lease is not None
    assert not lease.is_cancelled


@pytest.mark.slow
def test_of_several_processes_one_gets_the_lease(ledger: Ledger, url: str) -> None:
    results = compete(3, Driver.take_lease, url, "study")

    assert sorted(results) == [False, False, True]


def test_running_experiment_cannot_be_deleted(ledger: Ledger) -> None:
    """Also between two trials, and while latency is measured."""
    ledger.add(STUDY, members(0))
    message = (
        rf"'study' is being run by a submit on {socket.gethostname()} \(process {os.getpid()}\): "
        "stop it first with vss-orch cancel study"
    )

    with ledger.driver() as driver:
        driver.take_lease("study")
        for act in (ledger.upkeep.plan_deletion, ledger.upkeep.delete):
            with pytest.raises(UserError, match=message):
                act("study")
    ledger.upkeep.delete("study")

    assert ledger.names() == []

"""Commands for experiments that run."""

from typing import Any

import pytest

from orchestrator.ledger.entries import State
from orchestrator.settings import Settings
from orchestrator.stores import Stores
from tests.orchestrator.conftest import assert_one_line
from tests.orchestrator.ledger.conftest import ANOTHER, STUDY, ids, members


@pytest.fixture
def stores(settings: Settings) -> Stores:
    return Stores(settings)


def test_cancel_says_what_it_did(run: Any, stores: Stores) -> None:
    stores.ledger.add(STUDY, members(0, 1, 2))
    stores.ledger.add(ANOTHER, members(2))
    with stores.ledger.driver() as driver, stores.ledger.driver() as other:
        driver.take_lease("study")
        driver.claim(ids(0))
        other.take_lease("another")
        result = run("cancel", "study")
    again = run("cancel", "study:a:1")

    assert result.code == 0
    lines = result.out.splitlines()
    assert lines[0] == "cancelled 1 trial"
    assert lines[1] == "stopping 1 running trial at the next step, with a checkpoint"
    assert lines[2].startswith("ending a submit on ")
    assert lines[3] == "left 1 trial to running experiments that need them too: another"
    assert again.out == "nothing to cancel: no trial of 'study:a:1' is pending or running\n"


def test_single_trials_can_be_cancelled(run: Any, stores: Stores) -> None:
    stores.ledger.add(STUDY, members(0, 1, 2))

    by_name = run("cancel", "study:a:0")
    by_beginning = run("cancel", ids(1)[0][:6])

    assert (by_name.out, by_beginning.out) == ("cancelled 1 trial\n",) * 2
    assert [trial.state for trial in stores.ledger.trials("study")] == [
        State.CANCELLED, State.CANCELLED, State.PENDING,
    ]  # fmt: skip


def test_retry_says_that_the_running_submit_goes_on_with_the_trials(
    run: Any, stores: Stores
) -> None:
    stores.ledger.add(STUDY, members(0))
    run("cancel", "study")

    with stores.ledger.driver() as driver:
        driver.take_lease("study")
        result = run("retry", "study")

    assert result.out.startswith("1 trial of 'study' now PENDING; a submit on ")
    assert result.out.endswith(" runs them\n")


def test_cancel_of_an_unknown_name_suggests_an_experiment(run: Any, stores: Stores) -> None:
    stores.ledger.add(STUDY, members(0))

    result = run("cancel", "studdy")

    assert_one_line(result, "no experiment or trial 'studdy'.*did you mean 'study'")


@pytest.mark.parametrize("command", ["status", "watch", "cancel", "retry", "delete", "report"])
def test_command_about_an_experiment_creates_no_ledger(
    run: Any, command: str, settings: Settings
) -> None:
    result = run(command, "study")

    assert_one_line(result, "nothing has been submitted in .*: submit a spec first, or check VSS_")
    assert not settings.has_ledger

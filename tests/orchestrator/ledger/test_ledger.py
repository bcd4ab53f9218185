"""The ledger, on SQLite and, where there is one, on PostgreSQL."""

import multiprocessing
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from orchestrator.ledger import ledger as module
from orchestrator.ledger.ledger import Claim, Driver, Ledger, Member, State, TrialStatus
from tests.conftest import tiny
from vss.errors import UserError

DATA = "f" * 64


def members(*seeds: int, cell: str = "a", data: str = DATA) -> list[Member]:
    return [Member(cell, tiny(seed=seed), data) for seed in seeds]


def ids(*seeds: int) -> list[str]:
    return [tiny(seed=seed).trial_id for seed in seeds]


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ledger.db'}"
    server: str = request.getfixturevalue("postgres_server")
    name = f"test_{uuid.uuid4().hex[:8]}"
    with sa.create_engine(f"{server}/postgres", isolation_level="AUTOCOMMIT").connect() as db:
        db.execute(sa.text(f"CREATE DATABASE {name}"))
    return f"{server}/{name}"


@pytest.fixture
def ledger(url: str) -> Ledger:
    return Ledger(url)


def only(ledger: Ledger, experiment: str = "study") -> TrialStatus:
    (trial,) = ledger.trials(experiment)
    return trial


def test_new_trials_are_pending_in_the_order_given(ledger: Ledger) -> None:
    ledger.add("study", members(2, 0, 1))

    trials = ledger.trials("study")

    assert [trial.trial_id for trial in trials] == ids(2, 0, 1)
    assert {trial.state for trial in trials} == {State.PENDING}
    assert trials[0].settings == tiny(seed=2).settings()


def test_submitting_twice_adds_nothing(ledger: Ledger) -> None:
    for _ in range(2):
        ledger.add("study", members(0, 1))

    assert len(ledger.trials("study")) == 2
    assert len(ledger.experiments()) == 1


def test_trial_goes_from_claim_to_result(ledger: Ledger) -> None:
    ledger.add("study", members(0))

    with ledger.driver() as driver:
        (claim,) = driver.claim(ids(0))
        driver.start(claim, 0, "run")
        running = only(ledger)
        driver.beat({claim: {"step": 3, "loss": 0.5, "miou": 0.25}})
        beaten = only(ledger)
        driver.end(claim, State.FINISHED, None, None)

    assert (running.state, running.attempts, running.run_id) == (State.RUNNING, 1, "run")
    assert (beaten.step, beaten.loss, beaten.miou) == (3, 0.5, 0.25)
    assert only(ledger).state == State.FINISHED


def test_finished_row_never_changes(ledger: Ledger, url: str) -> None:
    ledger.add("study", members(0))
    with ledger.driver() as driver:
        (claim,) = driver.claim(ids(0))
        driver.start(claim, 0, "run")
        driver.end(claim, State.FINISHED, None, None)
        before = row(url)

        driver.start(claim, 9, "other")
        driver.beat({claim: {"step": 9, "loss": 9.0, "miou": 9.0}})
        driver.end(claim, State.FAILED, "too late", None)
        ledger.add("study", members(0))
        ledger.add("another", members(0, cell="b"))

        assert driver.claim(ids(0)) == []
    assert row(url) == before


def row(url: str) -> Any:
    with sa.create_engine(url).connect() as db:
        return db.execute(sa.select(module.trials)).one()


def test_trial_of_two_experiments_is_one_trial_shown_in_both(ledger: Ledger) -> None:
    ledger.add("study", members(0, cell="a"))
    ledger.add("another", members(0, cell="b"))
    with ledger.driver() as driver:
        (claim,) = driver.claim(ids(0))
        driver.end(claim, State.FINISHED, None, None)

    assert only(ledger, "study").state == only(ledger, "another").state == State.FINISHED
    assert ledger.membership(ids(0)[0]) == {"study": "a", "another": "b"}


def test_two_drivers_never_hold_the_same_trial(ledger: Ledger) -> None:
    ledger.add("study", members(0, 1))

    with ledger.driver() as first, ledger.driver() as second:
        assert len(first.claim(ids(0))) == 1
        assert [c.trial_id for c in second.claim(ids(0, 1))] == ids(1)


def claim_all(url: str, answers: Any, over: Any) -> None:
    with Ledger(url).driver() as driver:
        answers.put([claim.trial_id for claim in driver.claim(ids(*range(40)))])
        over.wait(60)  # both hold their claims at the same time


@pytest.mark.slow
def test_claims_of_two_processes_at_once_share_no_trial(ledger: Ledger, url: str) -> None:
    ledger.add("study", members(*range(40)))
    context = multiprocessing.get_context("spawn")
    answers, over = context.Queue(), context.Event()
    processes = [
        context.Process(target=claim_all, args=(url, answers, over), daemon=True) for _ in range(2)
    ]
    for process in processes:
        process.start()

    claimed = [trial_id for _ in processes for trial_id in answers.get(timeout=60)]
    over.set()
    for process in processes:
        process.join(timeout=60)

    assert sorted(claimed) == sorted(ids(*range(40)))


def test_claims_end_with_the_driver(ledger: Ledger) -> None:
    ledger.add("study", members(0))
    with ledger.driver() as driver:
        driver.claim(ids(0))

    with ledger.driver() as driver:
        assert [claim.attempt for claim in driver.claim(ids(0))] == [2]


def test_trials_of_a_dead_driver_can_be_claimed_at_once(ledger: Ledger, url: str) -> None:
    ledger.add("study", members(0))
    dead = left_behind(ledger)
    (claim,) = dead.claim(ids(0))
    dead.start(claim, 0, None)
    change_driver(url, pid=2**22 - 3)  # no such process

    assert only(ledger).state == State.PENDING  # shown as what it is: nobody runs it
    with ledger.driver() as driver:
        assert [c.attempt for c in driver.claim(ids(0))] == [2]


def test_driver_on_another_host_is_given_time_before_it_counts_as_dead(
    ledger: Ledger, url: str
) -> None:
    ledger.add("study", members(0))
    left_behind(ledger).claim(ids(0))

    with ledger.driver() as driver:
        change_driver(url, host="elsewhere", but=driver.driver_id)
        assert driver.claim(ids(0)) == []
        long_ago = datetime.now(UTC) - module.DRIVER_TIMEOUT - timedelta(seconds=1)
        change_driver(url, seen_at=long_ago, but=driver.driver_id)
        assert len(driver.claim(ids(0))) == 1


def left_behind(ledger: Ledger) -> Driver:
    """A driver that never gives its claims back."""
    return Driver(ledger._engine)


def change_driver(url: str, but: str = "", **values: Any) -> None:
    with sa.create_engine(url).begin() as db:
        others = module.drivers.c.driver != but
        db.execute(sa.update(module.drivers).where(others).values(values))


def test_lost_driver_cannot_write_over_its_successor(ledger: Ledger, url: str) -> None:
    ledger.add("study", members(0))
    lost = left_behind(ledger)
    (old,) = lost.claim(ids(0))
    change_driver(url, pid=2**22 - 3)
    with ledger.driver() as driver:
        (new,) = driver.claim(ids(0))
        driver.start(new, 0, "run")

        lost.beat({old: {"step": 99, "loss": 0.0, "miou": 0.0}})
        lost.end(old, State.FAILED, "late", None)

        assert (only(ledger).state, only(ledger).step) == (State.RUNNING, 0)


def test_failed_trial_says_why_and_can_be_tried_again(ledger: Ledger) -> None:
    ledger.add("study", members(0))
    with ledger.driver() as driver:
        (claim,) = driver.claim(ids(0))
        driver.start(claim, 0, None)
        driver.end(claim, State.FAILED, "bad image", "Traceback ...")
        failed = only(ledger)

        (again,) = driver.claim(ids(0))

    assert (failed.state, failed.message) == (State.FAILED, "bad image")
    assert again == Claim(ids(0)[0], 2, None)
    assert only(ledger).message is None


def test_attempts_count_only_those_that_a_worker_began(ledger: Ledger) -> None:
    ledger.add("study", members(0))
    for _ in range(2):
        with ledger.driver() as driver:
            driver.claim(ids(0))

    assert only(ledger).attempts == 0


def test_trial_that_nobody_asks_for_any_more_is_cancelled(ledger: Ledger, url: str) -> None:
    ledger.add("study", members(0, 1))
    ledger.add("study", members(1))

    assert [trial.trial_id for trial in ledger.trials("study")] == ids(1)
    with sa.create_engine(url).connect() as db:
        states = dict(db.execute(sa.select(module.trials.c.trial_id, module.trials.c.state)).all())
    assert states == {ids(0)[0]: State.CANCELLED, ids(1)[0]: State.PENDING}


def test_other_data_is_refused_once_a_trial_has_begun(ledger: Ledger) -> None:
    ledger.add("study", members(0))
    with ledger.driver() as driver:
        (claim,) = driver.claim(ids(0))
        driver.start(claim, 0, None)

    with pytest.raises(
        UserError, match=r"cell 'a', seed 0 \(trial \w+\) was trained on other synth"
    ):
        ledger.add("study", members(0, data="e" * 64))
    assert only(ledger).state == State.PENDING


def test_refused_submit_changes_nothing(ledger: Ledger) -> None:
    ledger.add("study", members(0))
    with ledger.driver() as driver:
        driver.start(driver.claim(ids(0))[0], 0, None)

    with pytest.raises(UserError):
        ledger.add("new", [*members(5), *members(0, data="e" * 64)])

    assert [e.name for e in ledger.experiments()] == ["study"]


def test_other_data_is_fine_before_the_first_start(ledger: Ledger) -> None:
    ledger.add("study", members(0))

    ledger.add("study", members(0, data="e" * 64))

    assert only(ledger).state == State.PENDING


def test_unknown_experiment_is_answered_with_the_known(ledger: Ledger) -> None:
    ledger.add("study", members(0))

    with pytest.raises(UserError, match="no experiment 'studdy' in the ledger; known: study"):
        ledger.experiment("studdy")


def test_experiments_count_their_trials_by_state(ledger: Ledger) -> None:
    ledger.add("study", members(0, 1, 2))
    with ledger.driver() as driver:
        (claim,) = driver.claim(ids(0))
        driver.end(claim, State.FINISHED, None, None)

    assert ledger.experiment("study").counts == {State.FINISHED: 1, State.PENDING: 2}


def test_thousand_trials_are_entered_and_claimed(ledger: Ledger) -> None:
    """More than a database takes in one list of values."""
    ledger.add("study", members(*range(1000)))

    with ledger.driver() as driver:
        assert len(driver.claim(ids(*range(1000)))) == 1000


def test_tables_are_those_of_the_migrations(url: str) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    Ledger(url)

    with sa.create_engine(url).connect() as db:
        options = {"version_table": module.VERSION_TABLE}
        assert compare_metadata(MigrationContext.configure(db, opts=options), module.metadata) == []


def test_password_is_not_shown_when_the_database_is_out_of_reach() -> None:
    with pytest.raises(UserError) as error:
        Ledger("postgresql+psycopg://user:secret@127.0.0.1:1/db?connect_timeout=2")

    assert "secret" not in str(error.value)
    assert "postgresql+psycopg://user:***@127.0.0.1:1/db" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("nonsense", "VSS_LEDGER_URL is no database address: 'nonsense'"),
        (
            "sqlite:////proc/none/ledger.db",
            "the ledger at sqlite:////proc/none/ledger.db is out of",
        ),
        ("postgres://u@h/d", "Can't load plugin"),
    ],
)
def test_bad_address_is_one_line_with_a_remedy(url: str, message: str) -> None:
    with pytest.raises(UserError) as error:
        Ledger(url)

    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_damaged_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_bytes(b"not a database, though it is long enough to be one" * 9)

    with pytest.raises(UserError, match="file is not a database"):
        Ledger(f"sqlite:///{tmp_path / 'ledger.db'}")

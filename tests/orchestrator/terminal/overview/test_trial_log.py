"""The log of an attempt, as `logs` prints it."""

from pathlib import Path

import pytest

from orchestrator.ledger.entries import ExperimentEntry, Member, State
from orchestrator.ledger.ledger import Ledger
from orchestrator.settings import Settings
from orchestrator.spec.trial_builder import PlannedTrial
from orchestrator.storage import Storage
from orchestrator.terminal.overview.trial_log import show_log
from tests.conftest import tiny
from vss.errors import UserError
from vss.trial_log import append_to_log

TRIAL = tiny().trial_id


@pytest.fixture
def ledger(settings: Settings) -> Ledger:
    """Return a ledger with a trial that has failed once and been tried again."""
    ledger = Ledger(settings.ledger_url)
    ledger.add(ExperimentEntry("study"), [Member(PlannedTrial("a", tiny()), "f" * 64)])
    with ledger.driver() as driver:
        for state, details in ((State.PENDING, "Traceback: lost"), (State.FINISHED, None)):
            (claim,) = driver.claim([TRIAL])
            driver.start(claim, 0, None)
            driver.end(claim, state, None, details)
    return ledger


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    (tmp_path / TRIAL).mkdir()
    for number in (1, 2):
        append_to_log(tmp_path / TRIAL / f"log-{number}.txt", f"line of attempt {number}")
    return Storage(str(tmp_path))


def test_newest_attempt_is_printed_by_default(ledger: Ledger, storage: Storage) -> None:
    lines: list[str] = []

    show_log(TRIAL, None, ledger, storage, lines.append)

    assert lines[0].startswith(f"trial {TRIAL}, attempt 2: FINISHED, started ")
    assert lines[1].endswith("line of attempt 2")
    assert len(lines) == 2


def test_failed_attempt_ends_with_its_traceback(ledger: Ledger, storage: Storage) -> None:
    lines: list[str] = []

    show_log(TRIAL, 1, ledger, storage, lines.append)

    assert "attempt 1: FAILED" in lines[0]
    assert lines[1].endswith("line of attempt 1")
    assert lines[2] == "Traceback: lost"


def test_following_ends_with_the_attempt(settings: Settings, storage: Storage) -> None:
    ledger = Ledger(settings.ledger_url)
    ledger.add(ExperimentEntry("study"), [Member(PlannedTrial("a", tiny()), "f" * 64)])
    lines: list[str] = []
    with ledger.driver() as driver:
        (claim,) = driver.claim([TRIAL])
        driver.start(claim, 0, None)

        def sleep(seconds: float) -> None:
            append_to_log(storage.folder / TRIAL / "log-1.txt", "a later line")
            driver.end(claim, State.FAILED, "bad", "Traceback: bad")

        show_log(TRIAL, None, ledger, storage, lines.append, follow=True, sleep=sleep)

    assert lines[1].endswith("line of attempt 1")
    assert lines[2].endswith("a later line")
    assert lines[3:] == ["Traceback: bad", "attempt 1 FAILED"]


def test_line_that_is_still_being_written_is_left_for_later(
    ledger: Ledger, storage: Storage
) -> None:
    with (storage.folder / TRIAL / "log-2.txt").open("a") as file:
        file.write("half a li")
    lines: list[str] = []

    show_log(TRIAL, None, ledger, storage, lines.append)

    assert "half a li" not in "".join(lines)


def test_missing_log_is_said(ledger: Ledger, tmp_path: Path) -> None:
    lines: list[str] = []

    show_log(TRIAL, None, ledger, Storage(str(tmp_path / "elsewhere")), lines.append)

    assert lines[1].startswith("no log: ")


@pytest.mark.slow
def test_unknown_attempt_is_refused_with_those_that_exist(ledger: Ledger, storage: Storage) -> None:
    with pytest.raises(UserError, match=r"has no attempt 3 \(attempts: 1, 2\)"):
        show_log(TRIAL, 3, ledger, storage, print)


def test_trial_that_was_never_started_has_no_log(settings: Settings, tmp_path: Path) -> None:
    ledger = Ledger(settings.ledger_url)

    with pytest.raises(UserError, match="has not been started yet"):
        show_log(TRIAL, None, ledger, Storage(str(tmp_path)), print)

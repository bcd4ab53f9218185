"""A report that keeps up with its experiment."""

from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.ledger.ledger import Claim, Driver, Ledger, Member, State
from orchestrator.results import watching
from orchestrator.settings import Settings
from tests.conftest import tiny
from vss.errors import UserError

CONFIGS = [tiny(seed=0), tiny(seed=1)]


@pytest.fixture
def ledger(settings: Settings) -> Ledger:
    ledger = Ledger(settings.ledger_url)
    ledger.add("study", [Member("a", config, "f" * 64) for config in CONFIGS])
    return ledger


@pytest.fixture
def watched(ledger: Ledger) -> Callable[[Callable[[], None]], list[str]]:
    """Watches with a step between two looks; returns what was said."""

    def watch(meanwhile: Callable[[], None]) -> list[str]:
        said: list[str] = []

        def sleep(seconds: float) -> None:
            assert seconds == 3
            meanwhile()

        watching.watch("study", ledger, lambda: Path("out/report.md"), 3, said.append, sleep)
        return said

    return watch


def finish(driver: Driver, claim: Claim) -> None:
    driver.start(claim, 0, None)
    driver.end(claim, State.FINISHED, None, None)


def test_report_is_built_at_every_news_until_all_have_ended(
    ledger: Ledger, watched: Callable[[Callable[[], None]], list[str]]
) -> None:
    with ledger.driver() as driver:
        first, second = driver.claim([config.trial_id for config in CONFIGS])
        events = iter(
            [
                lambda: driver.start(first, 0, None),
                lambda: None,
                lambda: driver.beat({first: {"step": 5}}),
                lambda: driver.end(first, State.FAILED, "the loss is nan", None),
                lambda: finish(driver, second),
            ]
        )

        said = watched(lambda: next(events)())

    assert said == [
        "2 pending: out/report.md",
        "1 pending, 1 running: out/report.md",
        "1 pending, 1 running: out/report.md",
        "1 pending, 1 failed: out/report.md",
        "1 finished, 1 failed: out/report.md",
    ]


def test_experiment_that_has_ended_is_reported_once(
    ledger: Ledger, watched: Callable[[Callable[[], None]], list[str]]
) -> None:
    with ledger.driver() as driver:
        for claim in driver.claim([config.trial_id for config in CONFIGS]):
            finish(driver, claim)

    said = watched(lambda: pytest.fail("nothing to wait for"))

    assert said == ["2 finished: out/report.md"]


def test_unknown_experiment_is_named(ledger: Ledger) -> None:
    with pytest.raises(UserError, match="no experiment 'nothing'"):
        watching.watch("nothing", ledger, lambda: Path("out"), 3, print)

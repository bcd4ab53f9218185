"""The page of all experiments in the ledger."""

import os
from pathlib import Path

import pytest

from orchestrator.ledger.entries import State
from orchestrator.ledger.ledger import Ledger
from orchestrator.results.index import INDEX, build_index
from orchestrator.results.report_folder import check_index_target
from orchestrator.settings import Settings
from tests.orchestrator.ledger.conftest import ANOTHER, STUDY, ids, members
from vss.errors import UserError


@pytest.fixture
def ledger(settings: Settings) -> Ledger:
    """Return a ledger with an experiment of two pending trials, and a later one of one trial."""
    ledger = Ledger(settings.ledger_url)
    ledger.add(STUDY, members(0, 1))
    ledger.add(ANOTHER, members(2))
    return ledger


def finish(ledger: Ledger, seed: int) -> None:
    """Finish the trial of a seed."""
    with ledger.driver() as driver:
        (claim,) = driver.claim(ids(seed))
        driver.start(claim, 0, None)
        driver.end(claim, State.FINISHED, None, None)


def build(ledger: Ledger, settings: Settings) -> tuple[str, list[str]]:
    """Build the page; return it and the experiments whose report was built."""
    built: list[str] = []

    def build_report(name: str) -> None:
        folder = settings.report_folder(name)
        folder.mkdir(parents=True, exist_ok=True)
        for file in ("report.md", "report.html"):
            (folder / file).write_text(f"## Answer\n\n- {name} is answered.\n")
        built.append(name)

    path = build_index(ledger, settings, settings.reports, build_report)
    return path.read_text(), built


def test_experiments_are_listed_with_their_state_the_newest_first(
    ledger: Ledger, settings: Settings
) -> None:
    page, built = build(ledger, settings)

    assert built == []  # nothing has finished
    assert page.index("<h2>another</h2>") < page.index("<h2>study</h2>")
    assert "0 of 2 trials finished, 2 pending" in page


def test_missing_and_outdated_reports_are_built(ledger: Ledger, settings: Settings) -> None:
    finish(ledger, 0)
    page, first = build(ledger, settings)
    _, second = build(ledger, settings)
    os.utime(settings.report_folder("study") / "report.md", (0, 0))
    _, third = build(ledger, settings)

    assert (first, second, third) == (["study"], [], ["study"])
    assert '<a href="study/report.html">study</a>' in page
    assert "study is answered." in page
    assert "1 of 2 trials finished, 1 pending" in page


def test_page_replaces_an_earlier_one_only(
    ledger: Ledger, settings: Settings, tmp_path: Path
) -> None:
    build(ledger, settings)
    foreign = tmp_path / INDEX
    foreign.write_text("<title>My page</title>")

    check_index_target(settings.reports / INDEX)
    check_index_target(tmp_path / "new" / INDEX)
    with pytest.raises(UserError, match=f"{foreign} is not a page of experiments"):
        check_index_target(foreign)

"""Names read from a ledger without opening it."""

from pathlib import Path

import pytest

from orchestrator.ledger.entries import Member
from orchestrator.ledger.ledger import Ledger
from orchestrator.ledger.quick_names import read_cell_labels, read_experiment_names
from orchestrator.spec.trial_builder import PlannedTrial
from tests.conftest import tiny
from tests.orchestrator.ledger.conftest import ANOTHER, DATA, STUDY, members


def test_names_are_those_in_the_ledger(ledger: Ledger, url: str) -> None:
    ledger.add(STUDY, [*members(1, 0, cell="b"), *members(2, cell="a")])
    ledger.add(ANOTHER, members(3))

    assert read_experiment_names(url) == ["another", "study"]
    assert read_cell_labels(url, "study") == {"b": ["1", "0"], "a": ["2"]}
    assert read_cell_labels(url, "nothing") == {}


def test_samples_follow_the_seeds_of_their_cell(ledger: Ledger, url: str) -> None:
    sample = PlannedTrial("b", tiny(seed=9), sample=0)
    longer = PlannedTrial("b", tiny(seed=9, steps=7), sample=0)  # it went on
    ledger.add(STUDY, [Member(sample, DATA), Member(longer, DATA), *members(1, cell="b")])

    assert read_cell_labels(url, "study") == {"b": ["1", "sample 0"]}


def test_missing_ledger_is_not_created(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="unable to open"):
        read_experiment_names(f"sqlite:///{tmp_path / 'none' / 'ledger.db'}")

    assert list(tmp_path.iterdir()) == []

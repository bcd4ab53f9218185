"""The completion of names: the offers, and the words of bash."""

import pytest

from orchestrator.ledger.ledger import Ledger
from orchestrator.settings import Settings
from orchestrator.terminal.completion import (
    complete_cell,
    complete_experiment,
    complete_trial,
    format_for_bash,
    rejoin_bash_words,
)
from tests.orchestrator.ledger.conftest import ANOTHER, STUDY, members


@pytest.fixture
def _two_experiments(settings: Settings) -> None:
    ledger = Ledger(settings.ledger_url)
    ledger.add(STUDY, [*members(0, 1, cell="big"), *members(2, cell="big:wide")])
    ledger.add(ANOTHER, members(3))


@pytest.mark.usefixtures("_two_experiments")
def test_offers_begin_with_the_text() -> None:
    assert complete_experiment("") == ["another", "study"]
    assert complete_cell("st") == ["study"]
    assert complete_cell("study:") == ["study:big", "study:big:wide"]
    assert complete_trial("study:b") == ["study:big", "study:big:wide"]
    assert complete_trial("study:big:") == ["study:big:wide", "study:big:0", "study:big:1"]
    assert complete_trial("nothing:") == []


def test_without_a_ledger_nothing_is_offered_or_created(settings: Settings) -> None:
    assert complete_trial("study:") == complete_experiment("") == []
    assert not settings.home.exists()


def test_ledger_that_does_not_answer_offers_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VSS_LEDGER_URL", "postgresql+psycopg://someone@127.0.0.1:1/x")

    assert complete_experiment("") == []


@pytest.mark.parametrize(
    ("words", "whole_word", "start"),
    [
        (["vss-orch", "predict", "study", ":"], "study:", "study:"),
        (
            ["vss-orch", "predict", "study", ":", "memory", "=", "1"],
            "study:memory=1",
            "study:memory=",
        ),
        (["vss-orch", "predict", "study", ":", r"a\ b"], r"study:a\ b", "study:"),
        (["vss-orch", "pre"], "pre", ""),
        (["vss-orch", "predict", ""], "", ""),
    ],
)
def test_words_that_bash_split_are_joined(words: list[str], whole_word: str, start: str) -> None:
    environment = {"COMP_WORDS": "\n".join(words), "COMP_CWORD": str(len(words) - 1)}

    variables, kept_start = rejoin_bash_words(environment)

    joined = variables["COMP_WORDS"].split("\n")
    assert (joined[-1], kept_start) == (whole_word, start)
    assert variables["COMP_CWORD"] == str(len(joined) - 1)


def test_bash_gets_the_rest_of_the_word_with_its_spaces_escaped() -> None:
    assert format_for_bash("study:memory=1 wide", "study:") == r"memory=1\ wide"

"""What differs between two specs, or between two trials."""

from typing import Any

import pytest

from orchestrator.ledger.entries import ExperimentEntry, Member
from orchestrator.ledger.ledger import Ledger
from orchestrator.results.differences import Difference, compare_specs
from orchestrator.settings import Settings
from orchestrator.spec.file import load_spec
from orchestrator.spec.trial_builder import PlannedTrial
from tests.conftest import TINY_SPEC, SpecWriter, tiny


def test_specs_differ_in_cells_settings_and_seeds(write_spec: SpecWriter) -> None:
    first = load_spec(write_spec(TINY_SPEC))
    other = TINY_SPEC.replace("steps: 4", "steps: 8").replace("seeds: [0, 1]", "seeds: [0]")
    other = other.replace("memory_length: 1}", "memory_length: 2}\n  wide: {head: fcn, width: 16}")
    second = load_spec(write_spec(other))

    assert compare_specs(first, second) == [
        Difference("spec", "seeds", [0, 1], [0]),
        Difference("cells", "wide", None, "present"),
        Difference("every cell", "steps", 4, 8),
        Difference("cell memory", "memory_length", 1, 2),
    ]
    assert compare_specs(first, first) == []


def test_specs_differ_in_what_they_search(write_spec: SpecWriter) -> None:
    tune = "tune: {search: {learning_rate: {log_uniform: [1e-3, 0.1]}}, samples: 3}\n"
    first = load_spec(write_spec(TINY_SPEC + tune))
    second = load_spec(write_spec(TINY_SPEC + tune.replace("samples: 3", "samples: 2")))

    assert compare_specs(first, second) == [Difference("spec", "tune.samples", 3, 2)]


def test_specs_without_a_common_cell_differ_in_cells_only(write_spec: SpecWriter) -> None:
    first = load_spec(write_spec(TINY_SPEC))
    second = load_spec(write_spec(TINY_SPEC.replace("image:", "one:").replace("memory:", "two:")))

    differences = compare_specs(first, second)

    assert [d.name for d in differences] == ["baseline", "image", "memory", "one", "two"]


@pytest.mark.slow
@pytest.mark.usefixtures("tracker")
def test_trials_differ_in_settings_and_data(run: Any, settings: Settings) -> None:
    trials = [PlannedTrial(f"cell{n}", tiny(steps=4 + n)) for n in range(2)]
    members = [Member(trial, "abcd"[n] * 64) for n, trial in enumerate(trials)]
    Ledger(settings.ledger_url).add(ExperimentEntry("study"), members)

    result = run("diff", "study:cell0", "study:cell1", "--json")

    assert [tuple(row.values()) for row in result.json] == [
        ("settings", "steps", 4, 5),
        ("data", "fingerprint", "a" * 64, "b" * 64),
    ]
    assert run("diff", "study:cell0", "study:cell0").out == "no difference\n"


def test_mistakes_are_named(run: Any, write_spec: SpecWriter) -> None:
    spec = str(write_spec(TINY_SPEC))

    assert "give two specs (.yaml) or two trials, not" in run("diff", spec, "study:cell").err
    assert "nothing has been submitted" in run("diff", "study:a", "study:b").err
    table = run("diff", spec, spec).out
    assert table == "no difference\n"

"""The smoke run of a spec."""

import pytest

from orchestrator.execution.driver import RunTarget
from orchestrator.execution.smoke import smoke
from orchestrator.ledger.ledger import Ledger
from orchestrator.spec.experiment import Experiment
from orchestrator.spec.file import load_spec
from orchestrator.tracking.tracker import Tracker
from tests.conftest import TINY_SPEC, SpecWriter
from tests.orchestrator.execution.fakes import quiet, runs

pytestmark = pytest.mark.usefixtures("tracker")


@pytest.mark.slow
def test_smoke_runs_every_cell_and_leaves_nothing(
    experiment: Experiment, target: RunTarget, tracker: Tracker
) -> None:
    outcomes = smoke(experiment, target, quiet())

    assert {cell: outcome.state for cell, outcome in outcomes.items()} == {
        "image": "FINISHED", "memory": "FINISHED",
    }  # fmt: skip
    assert not target.settings.storage.folder.exists()
    assert runs(tracker) == []
    assert Ledger(target.settings.ledger_url).experiments() == []


@pytest.mark.slow
def test_smoke_names_cells_that_do_not_run(target: RunTarget, write_spec: SpecWriter) -> None:
    wild = "  wild: {head: fcn, optimizer: sgd, learning_rate: 1e30}\n  memory:"
    spec = load_spec(write_spec(TINY_SPEC.replace("  memory:", wild)))

    outcomes = smoke(spec, target, quiet())

    assert outcomes["image"].state == "FINISHED"
    assert "is not finite" in str(outcomes["wild"].message)

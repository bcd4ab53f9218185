"""Mistakes in arguments: they are named before anything is imported that takes seconds."""

import json
import os
import subprocess
import sys
from dataclasses import replace

import pytest

from orchestrator.ledger.ledger import Ledger
from orchestrator.settings import Settings
from orchestrator.stores import check_tracking
from tests.conftest import TINY_SPEC, SpecWriter, free_port
from tests.orchestrator.ledger.conftest import STUDY, members
from tests.test_architecture import HEAVY_LIBRARIES
from vss.errors import UserError

MISTAKES = {
    "submit nothing.yaml": "cannot read spec nothing.yaml",
    "submit nothing.yaml --data camvid": "write NAME=PATH",
    "submit spec.yaml --look 2": "'tiny' plans no looks",
    "plan nothing.yaml": "cannot read spec nothing.yaml",
    "report nothing": "no experiment 'nothing'",
    "report --from nothing": "no folder nothing",
    "report --from .": "no results.json in .",
    "compare nothing study": "no experiment 'nothing'",
    "compare study:a study:b": "no cell 'b'",
    "compare study study": "'study' and 'study' are the same",
    "compare study:a study:c --metric flickr": "did you mean 'flicker'?",
    "diff study:a study:c": "'study:a' names 2 trials",
    "status nothing": "no experiment 'nothing'",
    "watch nothing": "no experiment 'nothing'",
    "ui nothing": "no experiment 'nothing'",
    "logs nothing": "no experiment or trial 'nothing'",
    "logs study:a": "'study:a' names 2 trials",
    "cancel study:a:7": "no seed '7'",
    "retry nothing": "no experiment 'nothing'",
    "delete nothing": "no experiment 'nothing'",
    "evaluate study:a --name ../b": "'../b' cannot be the name of an experiment: write letters",
    "evaluate zzzz": "no trial 'zzzz'",
    "evaluate study:b": "no cell 'b'",
    "export study:a": "'study:a' names 2 trials: write 'study:a:0'",
    "export study": "'study' is an experiment, not a trial",
    "predict zzzz clip.mp4 --out masks": "no trial 'zzzz'",
    "import nothing": "no trial directory in nothing",
    "import-weights nothing.pth --from tmanet": "cannot read weights nothing.pth",
}
# Runs commands one after the other: what one has imported, the next one would not show.
SCRIPT = f"""
import contextlib, io, json, sys
from orchestrator.cli.app import main
errors, loaded = {{}}, {{}}
for command in json.load(sys.stdin):
    with contextlib.redirect_stderr(io.StringIO()) as output, contextlib.suppress(SystemExit):
        main(command.split())
    errors[command] = output.getvalue()
    if heavy := {set(HEAVY_LIBRARIES)!r} & set(sys.modules):
        loaded[command] = sorted(heavy)
        break
print(json.dumps([errors, loaded]))
"""


@pytest.fixture
def study(settings: Settings, write_spec: SpecWriter, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put two cells into the ledger, and a spec into the working directory."""
    Ledger(settings.ledger_url).add(STUDY, [*members(0, 1, cell="a"), *members(2, cell="c")])
    monkeypatch.chdir(write_spec(TINY_SPEC).parent)


@pytest.mark.slow
def test_mistakes_are_named_before_heavy_imports(study: None) -> None:
    process = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        input=json.dumps(list(MISTAKES)),
        capture_output=True,
        text=True,
        check=True,
        env=dict(os.environ),
    )

    errors, loaded = json.loads(process.stdout)
    assert loaded == {}
    unclear = {
        command: errors[command]
        for command, text in MISTAKES.items()
        if text not in errors[command]
    }
    assert unclear == {}


@pytest.mark.parametrize(
    "address", ["mlruns", "file:///tmp/mlruns", "FILE:///tmp/mlruns", "sqlite:////tmp"]
)
def test_folder_is_refused_as_a_tracking_store(address: str, settings: Settings) -> None:
    message = f"MLFLOW_TRACKING_URI={address} is neither a server nor a database: write http://"

    with pytest.raises(UserError, match=message):
        check_tracking(replace(settings, tracking_uri=address))


def test_dead_tracking_server_is_named_before_mlflow_is_imported(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)  # its import would be an ImportError
    address = f"http://127.0.0.1:{free_port()}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    from orchestrator.settings import load_settings

    with pytest.raises(UserError, match=rf"cannot reach MLflow at {address}: Connection refused"):
        check_tracking(load_settings())

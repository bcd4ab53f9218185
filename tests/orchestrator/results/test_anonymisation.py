"""What a published report does not tell: places and the name of a machine."""

import socket
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.ledger.ledger import State, TrialStatus
from orchestrator.results.anonymisation import publishable, repeating
from orchestrator.settings import Settings
from reports.records import RunRecord
from tests.reports.conftest import record


def said(message: str, settings: Settings) -> str:
    """The message of a failed trial as it is published."""
    lost = RunRecord("a", 0, "x", "FAILED", {}, message=message)
    (run,) = publishable(record([lost]), settings).runs
    assert run.message is not None
    return run.message


@pytest.mark.parametrize(
    ("message", "published"),
    [
        ("{data}/camvid/test/1.png is no image", "$VSS_DATA/camvid/test/1.png is no image"),
        ("no file '{home}/cache/x'", "no file '$VSS_HOME/cache/x'"),
        ("{home}stead/x is gone", "…/homestead/x is gone"),
        ("~ is {user}", "~ is ~"),
        ("cannot read /mnt/anna/sets/camvid/1.png: broken", "cannot read …/camvid/1.png: broken"),
        ("/home/anna/1.png", "…/1.png"),
        ("see https://mlflow.org/docs/latest", "see https://mlflow.org/docs/latest"),
        ("3/4 of test/1.png, 10 m/s", "3/4 of test/1.png, 10 m/s"),
    ],
)
def test_places_are_variables_or_cut_short(
    message: str, published: str, settings: Settings, tmp_path: Path
) -> None:
    settings = replace(settings, data=tmp_path / "data")
    places = {"data": settings.data, "home": settings.home, "user": Path.home()}
    shown = published.replace("…/homestead/x", f"…/{settings.home.name}stead/x")

    assert said(message.format(**places), settings) == shown


def test_name_of_the_machine_is_left_out(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "gpu-7")

    assert said("worker on gpu-7 died, gpu-70 did not", settings) == (
        "worker on HOST died, gpu-70 did not"
    )


def test_spec_keeps_paths_that_lie_elsewhere(settings: Settings) -> None:
    source = f"base: {{weights: /models/a/b.pth}}  # in {settings.home}/x"
    lost = RunRecord("a", 0, "x", "FAILED", {})

    published = publishable(record([lost], source=source), settings)

    assert published.source == "base: {weights: /models/a/b.pth}  # in $VSS_HOME/x"


def trial(dataset: str) -> TrialStatus:
    known = {"trial_id": "x", "cell": "a", "seed": 0, "state": State.FINISHED, "attempts": 1}
    unknown = dict.fromkeys(("message", "run_id", "loss", "miou", "started_at", "heartbeat_at"))
    return TrialStatus(**known, **unknown, settings={"dataset": dataset}, step=0, first_step=0)  # type: ignore[arg-type]


def test_command_says_where_data_lies() -> None:
    trials = [trial("synthetic"), trial("camvid"), trial("camvid")]

    assert repeating(trials, "name: a\n") == (
        'vss-orch submit spec.yaml --data camvid="$VSS_DATA/camvid"'
    )


def test_without_a_spec_there_is_no_command() -> None:
    assert repeating([trial("camvid")], "# scored by: vss-orch evaluate\n") == ""

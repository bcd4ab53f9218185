"""The anonymisation of reports: folders and the machine's name are left out."""

import socket
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.results.anonymisation import anonymise
from orchestrator.settings import Settings
from reports.records import RunRecord
from tests.reports.conftest import record


def published_message(message: str, settings: Settings) -> str:
    """Return the message of a failed trial as it is published."""
    failed = RunRecord("a", 0, "x", "FAILED", {}, message=message)
    (run,) = anonymise(record([failed]), settings).runs
    assert run.message is not None
    return run.message


@pytest.mark.parametrize(
    ("message", "expected"),
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
def test_folders_become_variables_or_are_shortened(
    message: str, expected: str, settings: Settings, tmp_path: Path
) -> None:
    settings = replace(settings, data=tmp_path / "data")
    folders = {"data": settings.data, "home": settings.home, "user": Path.home()}
    expected = expected.replace("…/homestead/x", f"…/{settings.home.name}stead/x")

    assert published_message(message.format(**folders), settings) == expected


def test_name_of_the_machine_is_left_out(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "gpu-7")

    assert published_message("worker on gpu-7 died, gpu-70 did not", settings) == (
        "worker on HOST died, gpu-70 did not"
    )


def test_spec_keeps_paths_outside_the_configured_folders(settings: Settings) -> None:
    source = f"base: {{weights: /models/a/b.pth}}  # in {settings.home}/x"
    failed = RunRecord("a", 0, "x", "FAILED", {})

    published = anonymise(record([failed], source=source), settings)

    assert published.source == "base: {weights: /models/a/b.pth}  # in $VSS_HOME/x"

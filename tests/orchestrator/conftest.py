"""A job that takes a second; the command line as a function."""

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import pytest

from orchestrator.cli.app import main
from orchestrator.execution.job import Job, Tracking
from orchestrator.settings import Settings
from tests.conftest import tiny
from vss.data.dataset import load_dataset
from vss.training.inputs import TrialInputs


@pytest.fixture
def job(settings: Settings, synthetic_cache: Path, tmp_path: Path) -> Job:
    """The first attempt at a trial that takes a second, tracked nowhere."""
    config = tiny()
    fingerprint = load_dataset(config, None).fingerprint
    inputs = TrialInputs(
        config, settings.storage, synthetic_cache, data_fingerprint=fingerprint, attempt=1
    )
    return Job(inputs, cpus=1.0, gpus=0.0, stop_file=tmp_path / "stop")


def with_inputs(job: Job, **changes: Any) -> Job:
    """The same job with other inputs."""
    return dataclasses.replace(job, inputs=dataclasses.replace(job.inputs, **changes))


def tracked(job: Job, uri: str, settings: Settings) -> Job:
    """The same job, tracked."""
    tracking = Tracking(uri, settings.artifacts, None, "a, seed 0", {"experiment/study": "a"})
    return dataclasses.replace(job, tracking=tracking)


class Run:
    """What a command left behind."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    monkeypatch.setenv("COLUMNS", "150")

    def command(*arguments: object) -> Run:
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return Run(int(ended.value.code or 0), said.out, said.err)

    return command


@pytest.fixture
def ready(tracker: object, settings: Settings, synthetic_cache: Path) -> None:
    """A tracking store and rendered frames, so that a submit takes a second."""
    settings.cache.symlink_to(synthetic_cache)


def assert_one_line(done: Run, pattern: str) -> None:
    assert done.err.startswith("error: ")
    assert len(done.err.splitlines()) == 1, done.err
    assert re.search(pattern, done.err), done.err

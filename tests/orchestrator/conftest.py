"""A job that takes a second; the command line as a function."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from orchestrator.cli.app import main
from orchestrator.execution.job import Job
from orchestrator.settings import Settings
from tests.conftest import tiny
from vss.data.synthetic import dataset as synthetic


@pytest.fixture
def job(settings: Settings, synthetic_cache: Path, tmp_path: Path) -> Job:
    """The first attempt at a trial that takes a second, tracked nowhere."""
    config = tiny()
    return Job(
        trial_id=config.trial_id,
        settings=config.settings(),
        attempt=1,
        name="a, seed 0",
        run_id=None,
        storage=str(settings.storage),
        cache=str(synthetic_cache),
        data=None,
        data_fingerprint=synthetic.load(config, None).fingerprint,
        weights=None,
        cpus=1.0,
        gpus=0.0,
        trials_on_device=1,
        tracking_uri=None,
        artifacts=str(settings.artifacts),
        tags={"experiment/study": "a"},
        stop_file=str(tmp_path / "stop"),
    )


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

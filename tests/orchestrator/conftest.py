"""A job that takes a second."""

from pathlib import Path

import pytest

from orchestrator.jobs import Job
from orchestrator.settings import Settings
from tests.conftest import tiny
from vss.data import synthetic


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
        tracking_uri=None,
        artifacts=str(settings.artifacts),
        tags={"experiment/study": "a"},
        stop_file=str(tmp_path / "stop"),
    )

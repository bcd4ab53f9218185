"""A tracking store that is ready, and specs that take seconds."""

import shutil
from pathlib import Path

import pytest

from orchestrator.settings import Settings
from orchestrator.tracking import Tracker

TINY_SPEC = """
name: tiny
description: two cells that take a second each
base:
  dataset: synthetic
  clips: 2
  frame_width: 48
  frame_height: 32
  backbone: resnet18
  width: 8
  include_current_frame: false
  head_channels: 16
  auxiliary_channels: 8
  steps: 4
  batch_size: 2
  optimizer: adamw
  learning_rate: 1e-3
  precision: fp32
  eval_every: 2
cells:
  image: {head: fcn}
  memory: {head: tma, memory_length: 1}
seeds: [0, 1]
"""


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow database with its tables, which take seconds to make."""
    folder = tmp_path_factory.mktemp("mlflow")
    Tracker(f"sqlite:///{folder / 'mlflow.db'}", folder / "unused")
    return folder / "mlflow.db"


@pytest.fixture
def tracker(empty_store: Path, settings: Settings) -> Tracker:
    """A store of the test's own. Its experiment keeps artifacts where the first store was made."""
    settings.home.mkdir(parents=True, exist_ok=True)
    shutil.copy(empty_store, settings.home / "mlflow.db")
    return Tracker(settings.tracking_uri, settings.artifacts)

"""Trials, spec files and generated data that many tests share.

The orchestrator is imported only in fixtures that need it, so that tests of `vss` run without it.
So is PyTorch: the process that distributes tests to parallel workers (pytest-xdist) has no use for
it. The workers share what takes seconds to make.
"""

import atexit
import gc
import os
import shutil
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from filelock import FileLock
from PIL import Image

from vss.training.inputs import TrialInputs
from vss.trial_config import TrialConfig, parse_settings

if TYPE_CHECKING:
    import torch

    from orchestrator.settings import Settings
    from orchestrator.tracking.tracker import Tracker

# The smallest network and dataset that exercise everything.
TINY: dict[str, Any] = {
    "dataset": "synthetic",
    "clips": 2,
    "frame_width": 48,
    "frame_height": 32,
    "backbone": "resnet18",
    "width": 8,
    "head": "fcn",
    "memory_length": 0,
    "include_current_frame": False,
    "head_channels": 16,
    "auxiliary_channels": 8,
    "steps": 4,
    "batch_size": 2,
    "optimizer": "adamw",
    "learning_rate": 1e-3,
    "precision": "fp32",
    "seed": 0,
}
TINY_MEMORY = {**TINY, "head": "tma", "memory_length": 2}

# An experiment with four such trials.
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

RUNS_IN_PARALLEL = "PYTEST_XDIST_WORKER" in os.environ

VARIABLES = (
    "VSS_HOME",
    "VSS_DATA",
    "VSS_STORAGE",
    "VSS_CACHE",
    "VSS_CACHE_GB",
    "VSS_LEDGER_URL",
    "VSS_LEDGER_PASSWORD_FILE",
    "MLFLOW_TRACKING_URI",
    "MLFLOW_TRACKING_PASSWORD_FILE",
    "RAY_ADDRESS",
    "VSS_NOTIFY",
    "VSS_NOTIFY_FILE",
    "VSS_VERBOSE",
)
# Of the clients of MLflow and PostgreSQL.
_LOGINS = (
    "MLFLOW_TRACKING_USERNAME",
    "MLFLOW_TRACKING_PASSWORD",
    "MLFLOW_TRACKING_TOKEN",
    "PGPASSWORD",
)


def tiny(**changes: Any) -> TrialConfig:
    """Return a trial that takes a second."""
    return parse_settings({**TINY, **changes})


def save_weights(state: "Mapping[str, torch.Tensor]", file: Path) -> None:
    """Write tensors into a safetensors file, which accepts only contiguous ones."""
    from safetensors.torch import save_file

    save_file({name: tensor.contiguous() for name, tensor in state.items()}, file)


TRAINED = tiny(head="tma", memory_length=2, frame_stride=2)  # the trial in `trained_storage`


@pytest.fixture(autouse=True)
def _own_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give every test its own home folder and hide the user's environment."""
    for name in (*VARIABLES, *_LOGINS):
        monkeypatch.setenv(name, "")  # so that pytest restores it, whatever the test sets
        monkeypatch.delenv(name)
    monkeypatch.setenv("VSS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("VSS_CACHE", str(tmp_path / "home" / "cache"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def settings(_own_environment: None) -> "Settings":
    """Return the settings of the test's own environment."""
    from orchestrator.settings import load_settings

    return load_settings()


def pytest_configure(config: pytest.Config) -> None:
    """End parallel workers at once, as all is reported by then and freeing objects takes 5 s."""
    if hasattr(config, "workerinput"):  # not in the processes that a worker starts
        atexit.register(os._exit, 0)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Collect without garbage collection, which takes a fifth of the time and frees little."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.set_threshold(10_000, 20, 20)  # by default 700, 10, 10: 3 s of a worker's time


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run slow tests first, so that the workers finish at about the same time."""
    if RUNS_IN_PARALLEL:
        items.sort(key=lambda item: item.get_closest_marker("slow") is None)


def pytest_collection_finish() -> None:
    """Refuse test modules that import ray, which reads its environment only once: too early."""
    if "ray" in sys.modules:
        raise pytest.UsageError("a test module imports ray before connect(): import it in the test")


_modules_at_freeze = 0


@pytest.fixture(autouse=True)
def _fast_garbage_collection() -> None:
    """Freeze the libraries' objects, so that the garbage collection after each trial is fast."""
    global _modules_at_freeze
    if len(sys.modules) > _modules_at_freeze + 500:  # a large library has been imported since
        _modules_at_freeze = len(sys.modules)
        gc.collect()
        gc.freeze()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Distribute tests to workers with the scheduler in `tests/scheduling.py`."""
    from tests.scheduling import GroupScheduler

    return GroupScheduler(config, log)


def pytest_sessionfinish() -> None:
    """Unfreeze the objects, as extension modules would otherwise report leaks at exit."""
    if not RUNS_IN_PARALLEL:
        gc.unfreeze()


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    """Give every test one thread: more are slower for tiny networks, and training changes them."""
    import torch

    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _one_latency_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure latency in the calling process, as each new one takes seconds to start."""
    monkeypatch.setattr("vss.profiling.latency.PROCESSES", 1)


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of this test run that all workers share."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if RUNS_IN_PARALLEL else base) / "shared"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def synthetic_cache(shared_folder: Path) -> Path:
    """Return a shared folder of decoded frames, as rendering takes longer than many tests."""
    cache = shared_folder / "cache"
    cache.mkdir(exist_ok=True)  # tests link to it
    return cache


@pytest.fixture(scope="session", autouse=True)
def _cache_of_ray(synthetic_cache: Path) -> Iterator[None]:
    """Give a Ray instance that several tests share the shared cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VSS_CACHE", str(synthetic_cache))
        yield


@pytest.fixture(scope="session")
def trained_storage(shared_folder: Path, synthetic_cache: Path) -> Path:
    """Return a storage folder with one finished trial, TRAINED, made once for all tests."""
    from vss.training.loop import train

    storage, finished_mark = shared_folder / "trained", shared_folder / "trained.done"
    with FileLock(shared_folder / "trained.lock"):
        # Training a finished trial would touch its folder, while others copy it.
        if not finished_mark.exists():
            train(TrialInputs(TRAINED, storage, synthetic_cache))
            finished_mark.touch()
    return storage


def paint_video(path: Path, frames: int = 6, size: tuple[int, int] = (46, 34)) -> Path:
    """Write a video at 25 frames per second in which a light bar crosses a dark background."""
    from vss.media.video import VideoFile

    file = VideoFile(path, Fraction(25), Fraction(1, 25))
    for number in range(frames):
        pixels = np.full((size[1], size[0], 3), 40, dtype=np.uint8)
        pixels[:, 4 * number % size[0] :][:, :8] = (200, 120, 60)
        file.write(pixels, number)
    file.finish()
    return path


@pytest.fixture
def camvid(tmp_path: Path) -> Path:
    """Return a tiny CamVid in the real format, with labelled frames 30 video frames apart."""
    return paint_camvid(tmp_path / "camvid")


def paint_camvid(root: Path, frames: int = 4, size: tuple[int, int] = (48, 36)) -> Path:
    """Write a CamVid with `frames` frames per split; labels contain all 11 classes and void."""
    rng = np.random.default_rng(0)
    for split, sequence in (("train", "0006R0_f{:05d}"), ("val", "0016E5_{:05d}"),
                            ("test", "Seq05VD_f{:05d}")):  # fmt: skip
        lines = []
        for folder in (split, f"{split}annot"):
            (root / folder).mkdir(parents=True, exist_ok=True)
        for number in range(frames):
            name = sequence.format(930 + 30 * number)
            pixels = rng.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
            Image.fromarray(pixels).save(root / split / f"{name}.png")
            label = rng.integers(0, 12, (size[1], size[0]), dtype=np.uint8)
            Image.fromarray(label).save(root / f"{split}annot" / f"{name}.png")
            lines.append(
                f"/SegNet/CamVid/{split}/{name}.png /SegNet/CamVid/{split}annot/{name}.png"
            )
        (root / f"{split}.txt").write_text("\n".join(lines) + "\n")
    return root


@pytest.fixture
def real_camvid() -> Path:
    """Return the folder of the 701 real frames (VSS_TEST_CAMVID), which are not redistributable."""
    folder = os.environ.get("VSS_TEST_CAMVID")
    if not folder or not Path(folder).is_dir():
        pytest.skip("needs the real CamVid: set VSS_TEST_CAMVID to its folder")
    return Path(folder)


@pytest.fixture(scope="session")
def empty_store(shared_folder: Path) -> Path:
    """Return an MLflow database with empty tables, which take seconds to make."""
    from orchestrator.tracking.tracker import Tracker

    template, draft = shared_folder / "mlflow.db", shared_folder / "draft.db"
    with FileLock(shared_folder / "mlflow.lock"):
        if not template.exists():
            Tracker(f"sqlite:///{draft}", shared_folder / "unused")
            draft.rename(template)
    return template


@pytest.fixture
def tracker(empty_store: Path, settings: "Settings") -> "Tracker":
    """Return the test's own tracking store; its artifacts are next to the shared template."""
    from orchestrator.tracking.tracker import Tracker

    settings.home.mkdir(parents=True, exist_ok=True)
    shutil.copy(empty_store, settings.home / "mlflow.db")
    return Tracker(settings.tracking_uri, settings.artifacts)


def free_port() -> int:
    """Return a port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


SpecWriter = Callable[[str], Path]


@pytest.fixture
def write_spec(tmp_path: Path) -> SpecWriter:
    """Return a function that writes a spec file and returns its path."""

    def write(text: str) -> Path:
        path = tmp_path / "spec.yaml"
        path.write_text(text)
        return path

    return write

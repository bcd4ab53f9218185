"""Fixtures of the driver: an experiment, where it runs, and an executor that runs nothing."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from orchestrator.execution import driver
from orchestrator.execution.driver import RunTarget
from orchestrator.execution.job import (
    Executor,
)
from orchestrator.settings import Settings
from orchestrator.spec.experiment import Experiment
from orchestrator.spec.file import load_spec
from tests.conftest import TINY_SPEC, SpecWriter
from tests.orchestrator.execution.fakes import FakeExecutor, FakeRay, Script


@pytest.fixture
def experiment(write_spec: SpecWriter) -> Experiment:
    return load_spec(write_spec(TINY_SPEC))


@pytest.fixture
def target(settings: Settings, synthetic_cache: Path) -> RunTarget:
    settings.cache.symlink_to(synthetic_cache)
    return RunTarget(settings, {}, in_process=True)


@pytest.fixture
def fake_ray(monkeypatch: pytest.MonkeyPatch) -> FakeRay:
    @contextmanager
    def run_with(script: Script) -> Iterator[FakeExecutor]:
        fake = FakeExecutor(script)

        @contextmanager
        def executor(target: RunTarget, name: str) -> Iterator[Executor]:
            yield fake

        with monkeypatch.context() as patch:
            patch.setattr(driver, "open_executor", executor)
            patch.setattr(driver, "check_address", lambda *_: None)
            yield fake

    return run_with


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Install Python's own Ctrl-C handler, which a background process may lack."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)

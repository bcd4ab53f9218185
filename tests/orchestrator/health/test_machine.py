"""Checks of the machine."""

import shutil
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import pytest

from orchestrator.health import machine
from orchestrator.health.finding import Level
from orchestrator.health.machine import (
    check_disk,
    check_gpu,
    check_memory,
    check_ports,
    check_versions,
    find_existing,
)
from orchestrator.settings import Settings


def test_installed_versions_are_listed() -> None:
    finding = check_versions()

    assert finding.level == Level.OK
    assert f"torch {metadata.version('torch')}" in finding.text


def test_missing_and_old_libraries_are_problems(monkeypatch: pytest.MonkeyPatch) -> None:
    requirements = ["numpy>=99.0", "ray[default,tune]>=2.0", "vss-nothing>=1.0", "onnx>=99; extra"]
    monkeypatch.setattr(metadata, "requires", lambda name: requirements)

    finding = check_versions()

    assert finding.level == Level.PROBLEM
    assert finding.text == (
        f"numpy {metadata.version('numpy')} is older than 99.0; vss-nothing is not installed"
    )


def test_gpu_that_pytorch_cannot_use_is_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho NVIDIA H100, 81559 MiB\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)

    finding = check_gpu()

    assert finding.level == Level.PROBLEM
    assert finding.text.startswith("NVIDIA H100, 81559 MiB: PyTorch ")


def test_machine_without_a_gpu_is_fine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")

    assert check_gpu().level == Level.OK


@pytest.mark.parametrize(("gib", "level"), [(1, Level.PROBLEM), (4, Level.WARNING), (12, Level.OK)])
def test_memory_is_judged_by_what_is_available(tmp_path: Path, gib: int, level: Level) -> None:
    meminfo = tmp_path / "meminfo"
    meminfo.write_text(f"MemTotal: {16 * 2**20} kB\nMemAvailable: {gib * 2**20} kB\nHuge: 0\n")

    finding = check_memory(meminfo)

    assert (finding.level, finding.text) == (level, f"{gib}.0 of 16.0 GiB available")


@dataclass(frozen=True)
class Usage:
    """The usage of a disk."""

    free: int


def test_full_disk_is_a_problem_named_once(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(2**20))

    (finding,) = check_disk(settings)

    assert finding.level == Level.PROBLEM
    assert finding.text.startswith("0.0 GiB free in ")


def test_port_in_use_is_replaced_by_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "find_free_port", lambda first: first + 2)

    assert check_ports()[0].text == "5002 is free for ui (5000 is in use)"


def test_closest_existing_parent_is_returned(tmp_path: Path) -> None:
    assert find_existing(tmp_path / "a" / "b") == find_existing(tmp_path) == tmp_path

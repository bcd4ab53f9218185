"""Whether a plan can run at all."""

import os

import pytest

from orchestrator.execution.nodes import plan_check
from orchestrator.execution.nodes.plan_check import check_here
from orchestrator.spec.file import load_spec
from tests.conftest import TINY_SPEC, SpecWriter
from vss.errors import UserError


def test_plan_says_that_only_this_machine_was_checked(write_spec: SpecWriter) -> None:
    line = check_here(load_spec(write_spec(TINY_SPEC)))

    assert line.startswith("each trial fits on this machine (")
    assert line.endswith("; no cluster was checked")


def test_searcher_that_is_not_installed_is_named(
    write_spec: SpecWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    search = "tune: {search: {learning_rate: [1e-3, 1e-2]}, samples: 2, searcher: optuna}\n"
    experiment = load_spec(write_spec(TINY_SPEC + search))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)

    with pytest.raises(UserError, match="tune.searcher: optuna is not installed"):
        check_here(experiment)


def test_more_cores_than_this_machine_has_are_refused(write_spec: SpecWriter) -> None:
    experiment = load_spec(write_spec(TINY_SPEC + "resources: {cpus: 5000}\n"))

    with pytest.raises(UserError, match=f"5000 CPUs, but this machine has {os.cpu_count()}: lower"):
        check_here(experiment)


def test_gpus_that_this_machine_lacks_are_a_note(
    write_spec: SpecWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")  # without nvidia-smi
    experiment = load_spec(write_spec(TINY_SPEC + "resources: {gpus: 2, gpu_type: H100}\n"))

    line = check_here(experiment)

    assert line.startswith("note: each trial needs 2 H100 GPU(s), and this machine has 0, so a sub")


@pytest.mark.parametrize(("is_native", "precision", "is_noted"),
    [(False, "bf16", True), (True, "bf16", False), (False, "fp32", False)])  # fmt: skip
def test_bf16_that_the_processor_emulates_is_noted(
    is_native: bool,
    precision: str,
    is_noted: bool,
    write_spec: SpecWriter,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(plan_check, "cpu_has_native_bf16", lambda: is_native)
    spec = TINY_SPEC.replace("precision: fp32", f"precision: {precision}")

    line = check_here(load_spec(write_spec(spec)))

    assert ("note: this CPU emulates bf16" in line) is is_noted

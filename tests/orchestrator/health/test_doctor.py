"""The doctor: all checks together."""

import pytest

from orchestrator.health import doctor
from orchestrator.health.doctor import run_checks
from orchestrator.health.finding import Finding, Level
from orchestrator.settings import Settings

SUBJECTS = [
    "versions", "GPU", "memory", "disk", "ports", "ledger", "MLflow", "Ray", "storage", "data",
]  # fmt: skip


def test_everything_is_checked_in_order_without_a_trace(settings: Settings) -> None:
    findings = run_checks(settings, {})

    assert list(dict.fromkeys(finding.subject for finding in findings)) == SUBJECTS
    assert not settings.home.exists()


def test_check_that_fails_is_a_problem(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> Finding:
        raise RuntimeError("no idea\nreally")

    monkeypatch.setattr(doctor, "check_memory", fail)

    findings = run_checks(settings, {})

    (finding,) = [finding for finding in findings if finding.subject == "memory"]
    assert finding.level == Level.PROBLEM
    assert finding.text == "the check failed: RuntimeError: no idea"

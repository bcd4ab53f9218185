"""All checks of an installation, side by side: some wait for the network."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from orchestrator.health.cluster import check_ray
from orchestrator.health.finding import Finding, Level
from orchestrator.health.folders import check_data, check_storage
from orchestrator.health.machine import (
    check_disk,
    check_gpu,
    check_memory,
    check_ports,
    check_versions,
)
from orchestrator.health.notifications import check_notifications
from orchestrator.health.stores import check_ledger, check_mlflow
from orchestrator.settings import Settings

Check = Callable[[], Finding | list[Finding]]


def run_checks(settings: Settings, data: Mapping[str, Path]) -> list[Finding]:
    """Run every check and return what they saw, always in the same order.

    Args:
        settings: addresses and folders to check.
        data: dataset -> folder, from the command line.
    """
    checks: Mapping[str, Check] = {
        "versions": check_versions,
        "GPU": check_gpu,
        "memory": check_memory,
        "disk": lambda: check_disk(settings),
        "ports": check_ports,
        "ledger": lambda: check_ledger(settings),
        "MLflow": lambda: check_mlflow(settings),
        "Ray": lambda: check_ray(settings),
        "storage": lambda: check_storage(settings),
        "data": lambda: check_data(settings, data),
        "notifications": lambda: check_notifications(settings),
    }
    with ThreadPoolExecutor(len(checks)) as pool:
        results = pool.map(lambda item: _run(*item), checks.items())
        return [finding for findings in results for finding in findings]


def _run(subject: str, check: Check) -> list[Finding]:
    """Run one check; one that fails must not hide what the others see."""
    try:
        result = check()
    except Exception as error:  # what a broken installation raises is a finding too
        reason = (str(error).splitlines() or [""])[0]
        text = f"the check failed: {type(error).__name__}: {reason}"
        return [Finding(subject, Level.PROBLEM, text, "repair what the message names")]
    return result if isinstance(result, list) else [result]

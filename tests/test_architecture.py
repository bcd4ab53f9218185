"""Who imports whom: the rules that keep the house in order."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("vss", "orchestrator", "reports")
FORBIDDEN = {
    "vss": {"ray", "mlflow", "sqlalchemy", "alembic", "typer", "orchestrator", "reports"},
    "reports": {"torch", "torchvision", "ray", "mlflow", "sqlalchemy", "vss", "orchestrator"},
    "orchestrator": set(),
}
# Each of these lives in one module (and what belongs to it).
HOMES = {
    "ray": {"orchestrator/execution"},
    "mlflow": {"orchestrator/tracking"},
    "sqlalchemy": {"orchestrator/ledger/ledger.py", "orchestrator/ledger/migrations"},
}
LIGHT = (
    "orchestrator.cli.app",
    "orchestrator.cli.data",
    "orchestrator.cli.names",
    "orchestrator.cli.networks",
    "orchestrator.cli.experiments",
    "orchestrator.cli.reports",
    "orchestrator.cli.service",
    "orchestrator.offline.export",
    "orchestrator.spec.completion",
    "orchestrator.spec.design",
    "orchestrator.spec.experiment",
    "orchestrator.spec.file",
    "orchestrator.spec.schema",
    "orchestrator.spec.teachers",
    "vss.__main__",
    "vss.catalog",
    "vss.trial_config",
    "vss.trial.file",
)
HEAVY = ("torch", "torchvision", "ray", "mlflow", "sqlalchemy", "pandas", "matplotlib", "numpy")


def modules(package: str) -> Iterator[Path]:
    return (ROOT / package).rglob("*.py")


def imported(path: Path) -> set[str]:
    """Top-level names that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found


@pytest.mark.parametrize("package", PACKAGES)
def test_packages_import_only_what_they_may(package: str) -> None:
    wrong = {
        str(path.relative_to(ROOT)): sorted(imported(path) & FORBIDDEN[package])
        for path in modules(package)
        if imported(path) & FORBIDDEN[package]
    }

    assert wrong == {}


@pytest.mark.parametrize("library", HOMES)
def test_each_service_library_lives_in_one_folder(library: str) -> None:
    users = {
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in modules(package)
        if library in imported(path)
    }

    assert users
    assert all(any(user.startswith(home) for home in HOMES[library]) for user in users), users


@pytest.mark.parametrize("module", LIGHT)
def test_light_modules_load_nothing_heavy(module: str) -> None:
    code = f"import sys, {module}; print(*sys.modules)"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert set(HEAVY) & set(done.stdout.split()) == set()

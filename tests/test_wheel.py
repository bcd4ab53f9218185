"""The wheel: what is installed from it works without the clone."""

import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PROGRAM = """
import sys
from pathlib import Path

import orchestrator
from orchestrator.ledger.ledger import Ledger
from reports.report import rebuild

home = Path(orchestrator.__file__).parent.parent
assert home == Path(sys.argv[1]), home
assert Ledger(f"sqlite:///{sys.argv[2]}/ledger.db").experiments() == []  # by its migrations
report = rebuild(home / "experiments/results/camvid_quick", Path(sys.argv[2]))
assert "</style>" in report.with_suffix(".html").read_text()
"""


@pytest.fixture
def installed(tmp_path: Path) -> tuple[Path, Path]:
    """Install the wheel beside the dependencies, and return the Python and the folder."""
    source = tmp_path / "source"  # a copy, so that no build is left in the clone
    for name in ("vss", "orchestrator", "reports", "experiments"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--wheel-dir", tmp_path, source], check=True)
    venv.create(tmp_path / "env")
    packages = next((tmp_path / "env/lib").iterdir()) / "site-packages"
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as file:
        file.extractall(packages)
    # Not read for further .pth files, so the clone stays out of sight.
    (packages / "dependencies.pth").write_text(sysconfig.get_paths()["purelib"])
    return tmp_path / "env/bin/python", packages


@pytest.mark.slow
def test_installed_wheel_needs_no_clone(installed: tuple[Path, Path], tmp_path: Path) -> None:
    python, packages = installed

    subprocess.run([python, "-I", "-c", PROGRAM, packages, tmp_path], check=True, cwd=tmp_path)
    plan = subprocess.run(
        [
            *(python, "-I", "-m", "orchestrator.cli.app", "plan"),
            packages / "experiments/quickstart.yaml",
        ],
        check=True, cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip

    assert "12 trials in 4 cells" in plan.stdout
    assert list_specs(packages) == list_specs(ROOT)


def list_specs(folder: Path) -> set[Path]:
    """Return the paths of the committed specs below a folder."""
    return {path.relative_to(folder) for path in (folder / "experiments").rglob("*.yaml")}

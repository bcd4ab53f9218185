"""`make gpu`: run every part on a device and write one table.

    python -m tests.gpu [--device cpu] [--wheels DIR] [--budget 540] [--fresh]

Needs only PyTorch and a few packages, not the whole environment of `make test`. Exit codes: 0 every
part passed, 1 a part failed or did not start, 2 nothing could run.
"""

import argparse
import importlib.util
import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from tests.gpu.parts import list_parts
from tests.gpu.runner import PASSED, Results, report, run_parts

ROOT = Path(__file__).parents[2]
USER_ERROR = 2
REQUIRED_PACKAGES = (
    "torch", "torchvision", "numpy", "PIL", "safetensors", "pydantic", "filelock", "pytest",
)  # fmt: skip


def main() -> int:
    """Run the command line and return the exit code."""
    options = _parser().parse_args()
    folder = options.folder.resolve()
    environment = _environment(folder / "packages", options.device)
    if problem := _install(folder / "packages", options.wheels):
        print(f"error: {problem}", file=sys.stderr)
        return USER_ERROR
    process = subprocess.run(
        [sys.executable, "-m", "tests.gpu.conditions", options.device],
        env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    if process.returncode != 0:
        return USER_ERROR
    conditions: dict[str, str] = json.loads(process.stdout)
    commit = conditions.pop("commit")
    os.chdir(ROOT)
    parts = list_parts(options.device)
    results = Results(folder / f"{options.device}.json", conditions, options.fresh)
    outcomes = run_parts(
        parts, results, folder, environment, options.budget, options.limit, commit or None
    )
    title = f"{datetime.now(UTC):%Y-%m-%d}, {', '.join(conditions.values())}"
    title += f", commit {commit}" if commit else ""
    table = folder / f"{options.device}.md"
    table.write_text(report(title, parts, outcomes, folder))
    print(f"\n{table.read_text()}\nwrote {table}")
    return 0 if all(outcome.outcome == PASSED for outcome in outcomes.values()) else 1


def _environment(packages: Path, device: str) -> dict[str, str]:
    """Return the environment of the parts, which import the checkout first, then the wheels."""
    paths = [str(ROOT), str(packages), os.environ.get("PYTHONPATH", "")]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "PYTHONUNBUFFERED": "1",
        "VSS_TEST_DEVICE": device,
    }


def _install(packages: Path, wheels: Path | None) -> str | None:
    """Install the wheels if a package is missing; return the remaining problem, if any."""
    if (missing := _missing(packages)) and wheels is not None:
        files = sorted(map(str, wheels.glob("*.whl")))
        if not files:
            return f"{wheels} contains no wheels"
        command = ["-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--upgrade"]
        process = subprocess.run(
            [sys.executable, *command, "--target", str(packages), *files], check=False
        )
        if process.returncode != 0:
            return f"the wheels in {wheels} could not be installed (see above)"
        missing = _missing(packages)
    if missing:
        return (
            f"missing packages: {', '.join(missing)}; install them, or name a folder that contains "
            "their wheels and those of their dependencies: make gpu WHEELS=DIR"
        )
    return None


def _missing(packages: Path) -> list[str]:
    if str(packages) not in sys.path:
        sys.path.insert(1, str(packages))
    importlib.invalidate_caches()
    return [name for name in REQUIRED_PACKAGES if importlib.util.find_spec(name) is None]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.gpu", description="Run all tests and benchmarks of CUDA code."
    )
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument(
        "--wheels", type=Path, metavar="DIR", help="install missing packages from this folder"
    )
    parser.add_argument(
        "--budget", type=float, default=540, metavar="SECONDS",
        help="start no part after this time (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--limit", type=float, default=240, metavar="SECONDS",
        help="kill a part that takes longer (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--fresh", action="store_true", help="also run parts that have passed before"
    )
    parser.add_argument(
        "--folder", type=Path, default=ROOT / "build" / "gpu", metavar="DIR",
        help="folder for logs, results and the table (default: build/gpu)",
    )  # fmt: skip
    return parser


if __name__ == "__main__":
    sys.exit(main())

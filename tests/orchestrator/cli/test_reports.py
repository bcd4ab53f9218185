"""Commands that report and compare: what is printed, where to, and the exit code."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from reports.records import ExperimentRecord, RunRecord
from reports.report import build_report
from tests.orchestrator.conftest import assert_one_line


def _record() -> ExperimentRecord:
    run = RunRecord("a", 0, "t", "FAILED", {"steps": 1}, message="no data")
    return ExperimentRecord("study", "why", "a", ["a"], [run])


def test_report_is_rebuilt_from_its_folder(run: Any, tmp_path: Path) -> None:
    first = build_report(_record(), tmp_path / "a")

    result = run("report", "--from", tmp_path / "a", "--out", tmp_path / "b")

    assert (result.code, result.out.strip()) == (0, str(tmp_path / "b" / "report.md"))
    assert (tmp_path / "b" / "report.md").read_bytes() == first.read_bytes()
    assert not (tmp_path / "runs").exists()


def test_rebuilding_a_report_loads_no_service(tmp_path: Path) -> None:
    build_report(_record(), tmp_path)
    code = (
        "import sys\nfrom orchestrator.cli.app import main\n"
        f"try: main(['report', '--from', {str(tmp_path)!r}])\n"
        "finally: print(*sys.modules, file=sys.stderr)"
    )

    process = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert not {"torch", "ray", "mlflow", "sqlalchemy"} & set(process.stderr.split())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "report takes either NAME or --from DIR, got neither"),
        (["x", "--from", "y"], "either NAME or --from DIR, got both: NAME is 'x', --from is 'y'"),
        (["--from", "y", "--watch"], "give NAME instead of --from 'y'"),
        (["--from", "nowhere"], "no folder nowhere: --from takes the folder of a report"),
        (["x", "--sort", "latenzy"], "cannot sort by 'latenzy' .*: did you mean 'latency'"),
    ],
)
def test_wrong_arguments_of_report_are_named(run: Any, arguments: list[str], message: str) -> None:
    result = run("report", *arguments)

    assert result.code == 2
    assert_one_line(result, message)


def test_damaged_report_is_one_line(run: Any, tmp_path: Path) -> None:
    build_report(_record(), tmp_path)
    (tmp_path / "confusions.npz").write_bytes(b"x")

    result = run("report", "--from", tmp_path)

    assert result.code == 2
    assert_one_line(result, "confusions.npz is damaged")


def test_watching_ends_at_ctrl_c_with_code_130(
    run: Any, monkeypatch: pytest.MonkeyPatch, ready: None
) -> None:
    def interrupted(*args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("orchestrator.results.report.watch", interrupted)

    assert run("report", "tiny", "--watch").code == 130

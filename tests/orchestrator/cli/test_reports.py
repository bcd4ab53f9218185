"""Commands that report and compare: their output, the files they write, and their exit codes."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator.settings import Settings
from orchestrator.stores import Stores
from reports.formats.results_json import load
from reports.records import ExperimentRecord, RunRecord
from reports.report import build_report
from tests.orchestrator.conftest import assert_one_line
from tests.orchestrator.ledger.conftest import STUDY, members


def _record() -> ExperimentRecord:
    run = RunRecord("a", 0, "t", "FAILED", {"steps": 1}, message="no data")
    return ExperimentRecord("study", "why", "a", ["a"], [run])


def test_report_is_rebuilt_from_its_folder(run: Any, tmp_path: Path) -> None:
    first = build_report(_record(), tmp_path / "a")

    result = run("report", "--from", tmp_path / "a", "--out", tmp_path / "b")

    assert (result.code, result.out.strip()) == (0, str(tmp_path / "b" / "report.md"))
    assert (tmp_path / "b" / "report.md").read_bytes() == first.read_bytes()
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
def test_rebuilding_a_report_imports_no_heavy_library(tmp_path: Path) -> None:
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
        ([], "report takes one of NAME, --all and --from DIR, got none"),
        (["x", "--from", "y"], "one of NAME, --all and --from DIR, got NAME 'x' and --from 'y'"),
        (["x", "--all"], "one of NAME, --all and --from DIR, got NAME 'x' and --all"),
        (["--all", "--watch"], "give NAME instead of --all"),
        (["--from", "y", "--watch"], "give NAME instead of --from 'y'"),
        (["--from", "nowhere"], "no folder nowhere: --from takes the folder of a report"),
        (["x", "--baseline", "a"], "--baseline 'a' needs --from DIR and --out DIR"),
        (["x", "--sort", "latenzy"], "cannot sort by 'latenzy' .*: did you mean 'latency'"),
    ],
)
def test_mistake_in_the_arguments_of_report_is_named(
    run: Any, arguments: list[str], message: str
) -> None:
    result = run("report", *arguments)

    assert result.code == 2
    assert_one_line(result, message)


def test_report_is_rebuilt_against_another_baseline_in_another_folder(
    run: Any, tmp_path: Path
) -> None:
    source, out = ["report", "--from", tmp_path / "a"], ["--out", tmp_path / "b"]
    study = replace(_record(), cells=["a", "b"], source="name: study", command="vss-orch submit")
    build_report(study, tmp_path / "a")

    result = run(*source, "--baseline", "b", *out)
    in_place = run(*source, "--baseline", "b", "--out", tmp_path / "b" / ".." / "a")
    unknown = run(*source, "--baseline", "c", "--out", tmp_path / "c")
    text = (tmp_path / "b" / "report.md").read_text()

    assert (result.code, load(tmp_path / "b").baseline, load(tmp_path / "a").baseline) == (
        0, "b", "a",
    )  # fmt: skip
    assert_one_line(
        in_place,
        "a holds the report against 'a', which a report of 'study' would replace: .*--out",
    )
    assert (
        "compares with **b**, which was chosen afterwards; the study's own baseline is **a**"
        in text
    )
    assert "    vss-orch report --from REPORT --baseline b --out NEW\n" in text
    assert_one_line(unknown, "no cell 'c' .choose from 'a', 'b'.")
    assert not (tmp_path / "c").exists()


def test_report_replaces_no_files_that_are_not_its_own(run: Any, tmp_path: Path) -> None:
    source, foreign, other = tmp_path / "a", tmp_path / "b", tmp_path / "c"
    build_report(_record(), source)
    build_report(replace(_record(), name="another"), other)
    (foreign / "pictures").mkdir(parents=True)
    (foreign / "pictures" / "holiday.jpg").touch()

    over_files = run("report", "--from", source, "--out", foreign)
    over_another = run("report", "--from", source, "--out", other)
    again = run("report", "--from", source, "--out", source)

    assert_one_line(over_files, "b holds files that are not a report, which .* 'study' would")
    assert_one_line(over_another, "c holds the report of 'another', which .* 'study' would replace")
    assert [path.name for path in foreign.rglob("*")] == ["pictures", "holiday.jpg"]
    assert again.code == 0


def test_source_of_a_report_is_not_replaced_as_its_pictures(run: Any, tmp_path: Path) -> None:
    build_report(_record(), tmp_path)
    source = tmp_path / "pictures" / "inner"
    run("report", "--from", tmp_path, "--out", source)

    result = run("report", "--from", source, "--out", tmp_path)

    assert_one_line(result, "inner is in .*pictures, which the new report replaces")
    assert (source / "results.json").exists()


def test_damaged_report_is_reported_on_one_line(run: Any, tmp_path: Path) -> None:
    build_report(_record(), tmp_path)
    (tmp_path / "confusions.npz").write_bytes(b"x")

    result = run("report", "--from", tmp_path)

    assert result.code == 2
    assert_one_line(result, "confusions.npz is damaged")


def test_ctrl_c_ends_watching_with_code_130(
    run: Any, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    Stores(settings).ledger.add(STUDY, members(0))

    def interrupt(*args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("orchestrator.results.report.watch", interrupt)

    assert run("report", "study", "--watch").code == 130

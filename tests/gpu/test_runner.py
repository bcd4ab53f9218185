"""The runner of `make gpu`, on parts that take no time."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.gpu.__main__ import ROOT
from tests.gpu.parts import list_parts
from tests.gpu.runner import (
    FAILED,
    NOT_STARTED,
    PASSED,
    TIMED_OUT,
    Outcome,
    Part,
    Results,
    report,
    run_parts,
)

CONDITIONS = {"device": "a device"}
GOOD = Part("good", ("-c", "open('ran', 'a').write('x'); print('| 1 |')"), is_table=True)
BAD = Part("bad", ("-c", "raise ValueError('no such | kernel')"))
SLOW = Part("slow", ("-c", "import time; time.sleep(60)"))


@pytest.fixture(autouse=True)
def _separate_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(
    *parts: Part, budget: float = 60, limit: float = 60, fresh: bool = False
) -> dict[str, Outcome]:
    results = Results(Path("results.json"), CONDITIONS, fresh)
    return run_parts(parts, results, Path("logs"), os.environ, budget, limit)


def outcome_names(outcomes: dict[str, Outcome]) -> dict[str, str]:
    return {name: outcome.outcome for name, outcome in outcomes.items()}


def test_failure_does_not_stop_the_next_part() -> None:
    outcomes = run(BAD, GOOD)

    assert outcome_names(outcomes) == {"bad": FAILED, "good": PASSED}
    assert outcomes["bad"].note == "ValueError: no such | kernel"


def test_parts_that_passed_are_not_run_again() -> None:
    run(GOOD, BAD)

    outcomes = run(GOOD, BAD)

    assert outcome_names(outcomes) == {"good": PASSED, "bad": FAILED}
    assert Path("ran").read_text() == "x"


def test_fresh_run_repeats_parts_that_passed() -> None:
    run(GOOD)

    run(GOOD, fresh=True)

    assert Path("ran").read_text() == "xx"


def test_results_of_a_different_device_do_not_count() -> None:
    run(GOOD)

    assert not Results(Path("results.json"), {"device": "a different device"}).has_passed(GOOD)


def test_no_part_starts_after_the_time_budget() -> None:
    outcomes = run(GOOD, budget=0)

    assert outcome_names(outcomes) == {"good": NOT_STARTED}
    assert not Path("ran").exists()


@pytest.mark.slow
def test_part_that_hangs_is_killed() -> None:
    outcomes = run(SLOW, GOOD, limit=0.5)

    assert outcome_names(outcomes) == {"slow": TIMED_OUT, "good": PASSED}


@pytest.mark.slow
def test_note_of_a_test_suite_is_its_summary() -> None:
    Path("test_two.py").write_text("def test_a(): pass\n\ndef test_b(): assert 1 == 2\n")
    suite = ("-m", "pytest", "-q", "-rf", "--color=no", "-p", "no:cacheprovider", "test_two.py")

    outcomes = run(Part("one", (*suite, "-k", "a")), Part("both", suite))

    assert outcomes["one"].note.startswith("1 passed, 1 deselected in ")
    failure = "test_two.py::test_b - assert 1 == 2 (1 failed, 1 passed in"
    assert outcomes["both"].note.startswith(failure)


def test_report_lists_all_parts_and_the_tables_that_they_printed() -> None:
    parts = (GOOD, BAD)

    lines = report("a device", parts, run(*parts), Path("logs")).splitlines()

    assert lines[2] == "| part | outcome | seconds | note |"
    assert [line.split(" | ")[:2] for line in lines[4:6]] == [["| good", PASSED], ["| bad", FAILED]]
    assert "no such \\| kernel" in lines[5]
    assert lines[-3:] == ["## good", "", "| 1 |"]


def test_every_part_names_files_that_exist() -> None:
    for part in list_parts("cuda"):
        paths = [a for a in part.arguments if a.startswith(("tests/", "benchmarks/"))]
        assert paths, part.name
        assert all((ROOT / path).exists() for path in paths), part.name


def test_missing_packages_are_named_before_anything_runs(tmp_path: Path) -> None:
    """An interpreter without site-packages has none of them."""
    command = [sys.executable, "-S", "-m", "tests.gpu", "--device", "cpu", "--folder", tmp_path]

    process = subprocess.run(
        command, cwd=ROOT, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True
    )

    assert process.returncode == 2
    assert "missing packages: torch, torchvision, numpy" in process.stderr
    assert "make gpu WHEELS=DIR" in process.stderr

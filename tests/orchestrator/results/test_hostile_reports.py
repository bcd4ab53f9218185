"""Reports from elsewhere that are damaged or hostile: rebuilt, or refused with one line."""

import json
import math
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.results.earlier_study import find_earlier_study
from orchestrator.results.report import rebuild
from orchestrator.results.report_folder import load_report_folder
from orchestrator.settings import Settings
from orchestrator.spec.file import load_spec
from reports.formats.results_json import save
from tests.conftest import SpecWriter
from tests.examples import assert_loads_or_ends_in_one_line, assert_one_short_line, examples
from tests.hostile import damaged, mutants
from tests.orchestrator.spec.conftest import BASE
from tests.reports.conftest import finished_run, record
from tests.reports.formats.test_results_json import awkward_record
from vss.errors import UserError

FILES = ("results.json", "confusions.npz", "curves.csv")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a report, without its texts and figures."""
    folder = tmp_path_factory.mktemp("report")
    save(awkward_record(), folder)
    return folder


@pytest.mark.slow
@examples()
@given(name=st.sampled_from(FILES), data=st.data())
def test_damaged_file_ends_in_one_line(folder: Path, name: str, data: st.DataObject) -> None:
    original = (folder / name).read_bytes()
    (folder / name).write_bytes(data.draw(damaged(original)))

    try:
        assert_loads_or_ends_in_one_line(lambda: load_report_folder(folder))
    finally:
        (folder / name).write_bytes(original)  # also for the repetition of a failing example


@pytest.mark.slow
@examples()
@given(data=st.data())
def test_odd_values_end_in_one_line(folder: Path, data: st.DataObject) -> None:
    original = (folder / "results.json").read_text()
    (folder / "results.json").write_text(json.dumps(data.draw(mutants([json.loads(original)]))))

    try:
        assert_loads_or_ends_in_one_line(lambda: load_report_folder(folder))
    finally:
        (folder / "results.json").write_text(original)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (os.mkfifo, "is not a regular file"),
        (lambda path: path.symlink_to("/dev/zero"), "is not a regular file"),
        (lambda path: (path.touch(), os.truncate(path, 2**40)), "MiB, the limit"),
    ],
)
def test_anything_but_small_files_is_refused_at_once(
    folder: Path, tmp_path: Path, name: str, make: Any, reason: str
) -> None:
    save(awkward_record(), tmp_path)
    (tmp_path / name).unlink()
    make(tmp_path / name)

    with pytest.raises(UserError, match=reason) as error:
        rebuild(tmp_path, tmp_path / "out", pictures=False)

    assert_one_short_line(str(error.value))


def test_search_without_samples_is_named(tmp_path: Path) -> None:
    save(awkward_record(), tmp_path)
    content = json.loads((tmp_path / "results.json").read_text())
    del content["experiment"]["searches"][0]["samples"]
    (tmp_path / "results.json").write_text(json.dumps(content))

    with pytest.raises(UserError, match="is damaged: experiment: .*'samples'"):
        load_report_folder(tmp_path)


@pytest.mark.slow
def test_numbers_that_no_figure_can_show_end_in_one_line(tmp_path: Path) -> None:
    endless = {"train/loss": ((1, math.nan), (2, math.nan))}
    runs = [replace(finished_run(cell, 0, 0.5), curves=endless) for cell in ("a", "b")]
    save(record(runs), tmp_path)

    assert_loads_or_ends_in_one_line(lambda: rebuild(tmp_path, tmp_path / "out", pictures=False))


@pytest.mark.slow
def test_links_among_the_pictures_are_not_copied(tmp_path: Path) -> None:
    save(record([finished_run("a", 0, 0.5)]), tmp_path)
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "1-best.png").write_bytes(b"\x89PNG")
    (tmp_path / "pictures" / "secret.png").symlink_to("/etc/passwd")

    rebuild(tmp_path, tmp_path / "out", pictures=True)

    assert [file.name for file in (tmp_path / "out" / "pictures").iterdir()] == ["1-best.png"]


def test_earlier_study_is_read_as_carefully(
    write_spec: SpecWriter, settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "results.json").write_text("[" * 100_000)
    experiment = load_spec(write_spec(BASE + "seeds: [0]\ncells: {a: {}}"))

    with pytest.raises(UserError, match="results.json is damaged: maximum recursion depth"):
        find_earlier_study(experiment, str(tmp_path), tmp_path, settings)

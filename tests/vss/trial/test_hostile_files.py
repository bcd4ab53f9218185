"""Trial files that are damaged or hostile: read, or refused with one line."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import given

from tests.conftest import tiny
from tests.examples import assert_loads_or_ends_in_one_line, assert_one_short_line, examples
from tests.hostile import damaged, mutants
from vss.__main__ import USER_ERROR, main
from vss.errors import UserError
from vss.trial.file import ExperimentPart, ResourcesPart, TrialFile, read_trial_file
from vss.trial_config import TrialConfig

TEACHER = tiny()
STUDENT = tiny(teacher=TEACHER.trial_id, distillation_weight=1.0)
CONTENT = TrialFile(
    format=1,
    trial_id=STUDENT.trial_id,
    settings=STUDENT.settings(),
    cell="student",
    position=3,
    experiment=ExperimentPart(name="study", description="", baseline="teacher", source="name: a"),
    resources=ResourcesPart(cpus=1.0, gpus=0.0),
    weights=None,
    teacher=TEACHER.settings(),
)
KEYS = (tuple(TrialFile.model_fields), tuple(TrialConfig.model_fields))


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hostile") / "trial.json"


def test_trial_file_itself_is_read(file: Path) -> None:
    file.write_text(CONTENT.text())

    assert read_trial_file(file).config == STUDENT


@pytest.mark.slow
@examples(0.5)
@given(content=mutants([CONTENT.model_dump()], KEYS))
def test_odd_trial_file_ends_in_one_line(file: Path, content: object) -> None:
    file.write_text(json.dumps(content))

    assert_loads_or_ends_in_one_line(lambda: read_trial_file(file))


@pytest.mark.slow
@examples(0.5)
@given(content=damaged(CONTENT.text().encode()))
def test_damaged_trial_file_ends_in_one_line(file: Path, content: bytes) -> None:
    file.write_bytes(content)

    assert_loads_or_ends_in_one_line(lambda: read_trial_file(file))


@pytest.mark.parametrize("cell", ["\x1b", "\u202e", "a\u202e", "\x1b[2J", " ", ""])
def test_cell_with_control_characters_is_refused(file: Path, cell: str) -> None:
    file.write_text(json.dumps({**CONTENT.model_dump(), "cell": cell}))

    with pytest.raises(UserError, match="'cell'"):
        read_trial_file(file)


@pytest.mark.parametrize("name", ["pipe", "/dev/zero", "deep", "/etc/passwd"])
def test_command_prints_one_line(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "deep").write_text("[" * 10**6)

    assert main([str(tmp_path / name), "--storage", str(tmp_path)]) == USER_ERROR

    error = capsys.readouterr().err
    assert "root:" not in error
    assert_one_short_line(error.removesuffix("\n"))

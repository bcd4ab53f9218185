"""`python -m vss` runs one trial, with only vss and its few dependencies."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from orchestrator.offline.export import export
from orchestrator.spec.file import load_spec
from tests.conftest import TINY_SPEC, SpecWriter
from vss.__main__ import FINISHED, INTERRUPTED, USER_ERROR, main
from vss.errors import UserError
from vss.trial.file import read_trial_file

# Runs `python -m vss` without the libraries in FORBIDDEN.
RUN_WITHOUT_OTHER_LIBRARIES = """
import runpy, sys
FORBIDDEN = {"ray", "mlflow", "sqlalchemy", "alembic", "typer", "rich", "ruamel", "pandas",
             "matplotlib", "scipy", "av", "orchestrator", "reports"}
sys.modules.update(dict.fromkeys(FORBIDDEN))  # importing a module that is None raises
sys.argv[0] = "vss"
runpy.run_module("vss", run_name="__main__")
"""


@pytest.fixture
def files(write_spec: SpecWriter, tmp_path: Path) -> list[Path]:
    """Return the trial files of the tiny experiment."""
    return export(load_spec(write_spec(TINY_SPEC)), tmp_path / "export")


@pytest.mark.slow
def test_training_needs_only_the_libraries_of_vss(files: list[Path], tmp_path: Path) -> None:
    storage = tmp_path / "results"
    command = [
        sys.executable,
        "-c",
        RUN_WITHOUT_OTHER_LIBRARIES,
        str(files[0]),
        "--storage",
        str(storage),
    ]

    process = subprocess.run([*command, "--latency"], capture_output=True, text=True, check=False)

    assert process.returncode == FINISHED, process.stderr
    folder = storage / read_trial_file(files[0]).trial_id
    assert json.loads((folder / "result.json").read_text())["scored_step"] == 4
    assert list(json.loads((folder / "latency.json").read_text())["cells"]) == ["image"]
    assert (folder / "trial.json").read_text() == files[0].read_text()


@pytest.mark.slow
def test_stopped_trial_resumes_and_finished_one_is_left_alone(
    files: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [str(files[0]), "--storage", str(tmp_path / "results")]

    assert main([*command, "--stop-after", "0"]) == INTERRUPTED
    assert main(command) == FINISHED
    capsys.readouterr()
    assert main(command) == FINISHED

    folder = tmp_path / "results" / read_trial_file(files[0]).trial_id
    assert "already finished" in capsys.readouterr().out
    assert (folder / "attempt").read_text() == "2"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"colour": 1}, "colour"),
        ({"format": 2}, "format"),
        ({"trial_id": "0" * 12}, "not to 000000000000"),
        ({"weights": "../../secret"}, "weights"),
    ],
)
def test_edited_trial_file_is_refused_by_name(
    files: list[Path], change: dict[str, object], message: str
) -> None:
    files[0].write_text(json.dumps({**json.loads(files[0].read_text()), **change}))

    with pytest.raises(UserError, match=message):
        read_trial_file(files[0])


def test_message_about_a_missing_teacher_names_the_file_to_run_first(
    write_spec: SpecWriter, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    student_spec = TINY_SPEC.replace(
        "  image: {head: fcn}",
        "  small: {head: fcn, teacher: image, distillation_weight: 1}\n  image: {head: fcn}",
    )
    files = export(load_spec(write_spec(student_spec)), tmp_path / "students")
    student = next(f for f in files if read_trial_file(f).teacher)

    code = main([str(student), "--storage", str(tmp_path / "results")])

    teacher = read_trial_file(student).config.teacher
    assert code == USER_ERROR
    assert f"{teacher}.json" in capsys.readouterr().err
    order = [read_trial_file(file).trial_id for file in files]
    assert order.index(teacher) < files.index(student)


def test_message_about_missing_weights_names_the_file_to_run_first(
    write_spec: SpecWriter, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = TINY_SPEC.replace("{head: fcn}", "{head: fcn, weights: {cell: memory}}")
    files = export(load_spec(write_spec(spec)), tmp_path / "out")

    code = main([str(files[-1]), "--storage", str(tmp_path / "results")])

    source = read_trial_file(files[-1]).config.sources["weights"]
    assert code == USER_ERROR
    assert f"starts from the weights of trial {source}, which has not" in capsys.readouterr().err
    assert source in [read_trial_file(file).trial_id for file in files[:2]]


def test_two_gpu_trial_never_trains_on_one_gpu(
    files: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """If the file asks for two GPUs, the trial runs on both or is refused."""
    content = json.loads(files[0].read_text())
    files[0].write_text(json.dumps({**content, "resources": {"cpus": 1.0, "gpus": 2.0}}))

    code = main([str(files[0]), "--storage", str(tmp_path / "results")])

    if torch.cuda.device_count() >= 2:
        assert code == FINISHED
    else:
        assert code == USER_ERROR
        assert "needs 2 GPU(s), but PyTorch sees" in capsys.readouterr().err


@pytest.mark.slow
def test_device_option_overrides_the_gpus_of_the_file(files: list[Path], tmp_path: Path) -> None:
    content = json.loads(files[0].read_text())
    files[0].write_text(json.dumps({**content, "resources": {"cpus": 1.0, "gpus": 2.0}}))

    code = main([str(files[0]), "--storage", str(tmp_path / "results"), "--device", "cpu"])

    assert code == FINISHED

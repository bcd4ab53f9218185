"""The folder of trial files for offline machines."""

from pathlib import Path

import pytest

from orchestrator.offline.export import export
from orchestrator.spec.file import load_spec
from tests.conftest import TINY_SPEC, SpecWriter
from tests.orchestrator.execution.fakes import CHAIN_SPEC
from vss.errors import UserError
from vss.trial.file import read_trial_file


def test_every_trial_has_a_file_and_the_array_covers_all_files(
    write_spec: SpecWriter, tmp_path: Path
) -> None:
    experiment = load_spec(write_spec(TINY_SPEC))

    files = export(experiment, tmp_path / "out")

    assert [read_trial_file(f).config for f in files] == [t.config for t in experiment.trials]
    script = (tmp_path / "out" / "slurm_array.sh").read_text()
    assert "--array=0-3\n" in script
    assert str(tmp_path) not in "".join(f.read_text() for f in files) + script


def test_exporting_again_changes_nothing_and_other_content_is_refused(
    write_spec: SpecWriter, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    first = export(load_spec(write_spec(TINY_SPEC)), out)

    assert export(load_spec(write_spec(TINY_SPEC)), out) == first
    (out / "thesis.txt").write_text("mine")
    with pytest.raises(UserError, match="thesis.txt"):
        export(load_spec(write_spec(TINY_SPEC)), out)


def test_teachers_come_before_their_students(write_spec: SpecWriter, tmp_path: Path) -> None:
    student = "student: {head: fcn, teacher: memory, distillation_weight: 1}\n  memory:"
    experiment = load_spec(write_spec(TINY_SPEC.replace("memory:", student)))

    files = [read_trial_file(path) for path in export(experiment, tmp_path / "out")]

    assert [file.cell for file in files] == ["image"] * 2 + ["memory"] * 2 + ["student"] * 2
    assert [file.position for file in files] == [0, 1, 4, 5, 2, 3]
    assert files[-1].teacher_config == experiment.trials[-1].config
    script = (tmp_path / "out" / "slurm_array.sh").read_text()
    assert "--array=0-3\n" in script
    assert "#   sbatch --array=0-3 slurm_array.sh    trains image, memory\n" in script
    assert "#   sbatch --array=4-5 slurm_array.sh    trains student\n" in script


def test_each_link_of_a_chain_is_an_array_of_its_own(
    write_spec: SpecWriter, tmp_path: Path
) -> None:
    files = export(load_spec(write_spec(CHAIN_SPEC)), tmp_path / "out")

    cells = [read_trial_file(path).cell for path in files]
    assert cells == ["first"] * 2 + ["middle"] * 2 + ["last"] * 2
    readme = (tmp_path / "out" / "README.txt").read_text()
    assert readme.endswith(
        "  sbatch --array=0-1 slurm_array.sh    trains first\n"
        "  sbatch --array=2-3 slurm_array.sh    trains middle\n"
        "  sbatch --array=4-5 slurm_array.sh    trains last\n"
    )


def test_folder_that_cannot_be_written_is_named(write_spec: SpecWriter, tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(UserError, match=r"--export .*/file/x cannot be written: Not a directory"):
        export(load_spec(write_spec(TINY_SPEC)), tmp_path / "file" / "x")

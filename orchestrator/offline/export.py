"""An experiment as a folder of trial files, for offline machines. Imports no torch."""

import shlex
from collections.abc import Mapping
from pathlib import Path

from orchestrator.spec.experiment import Experiment, PlannedTrial
from vss.errors import UserError
from vss.trial.file import ExperimentPart, ResourcesPart, TrialFile

_README = """\
The trials of experiment {name}, for offline machines ({count} trial files).

One trial:                                  python -m vss trials/NNNN-ID.json --storage results
All trials, on Slurm:                       sbatch slurm_array.sh    (edit its header first)
Then, on the machine with the ledger:       vss-orch import results

If a dataset needs a folder, add --data PATH or set VSS_DATA. To resume an interrupted trial, rerun
the same command. {order}
"""
_SLURM = """\
#!/bin/bash
#SBATCH --job-name={name}
#SBATCH --array={array}
#SBATCH --cpus-per-task={cpus}
{gpus}#SBATCH --time=04:00:00
#SBATCH --signal=TERM@120
#SBATCH --requeue
# SIGTERM reaches python two minutes before the time limit and makes it save a checkpoint; submit
# this script again to resume. {order}
cd "${{SLURM_SUBMIT_DIR:-$(dirname "$0")}}" || exit 2
files=(trials/"$(printf %04d "$SLURM_ARRAY_TASK_ID")"-*.json)
srun python -m vss "${{files[0]}}" --storage results "$@"
"""


def export(experiment: Experiment, folder: Path) -> list[Path]:
    """Write trial files, weights, the spec and an example script; return the trial files.

    Teachers come first. Exporting the same experiment again changes nothing.

    Raises:
        UserError: if the folder contains anything else, or cannot be written.
    """
    contents = _contents(experiment)
    try:
        _check_contains_nothing_else(folder, contents)
        _write(contents, folder)
    except OSError as error:
        raise UserError(
            f"--export {folder} cannot be written: {error.strerror}; choose another folder"
        ) from None
    return [folder / name for name in contents if name.endswith(".json")]


def _write(contents: Mapping[str, bytes], folder: Path) -> None:
    for name, content in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (folder / "slurm_array.sh").chmod(0o755)


def _contents(experiment: Experiment) -> dict[str, bytes]:
    """Return the content of each file, by file name."""
    positions = {trial.trial_id: n for n, trial in enumerate(experiment.trials)}
    ordered_trials = sorted(experiment.trials, key=lambda trial: trial.config.teacher != "none")
    contents = {"spec.yaml": experiment.source.encode()}
    for number, trial in enumerate(ordered_trials):
        file = _trial_file(experiment, trial, positions[trial.trial_id])
        contents[f"trials/{number:04d}-{trial.trial_id}.json"] = file.text().encode()
    for digest, path in experiment.files_by_digest.items():
        contents[f"trials/{_weights_name(digest)}"] = path.read_bytes()
    students = sum(trial.config.teacher != "none" for trial in ordered_trials)
    script, readme = _instructions(experiment, len(ordered_trials) - students, students)
    return {**contents, "slurm_array.sh": script.encode(), "README.txt": readme.encode()}


def _instructions(experiment: Experiment, first: int, students: int) -> tuple[str, str]:
    """Return the Slurm script and the README.

    Args:
        experiment: the experiment.
        first: the number of trials without a teacher, which run first.
        students: the number of trials with a teacher.
    """
    count = first + students
    order = "The trials can run in any order."
    if students:
        order = (
            f"Tasks 0-{first - 1} train the teachers of tasks {first}-{count - 1}: run tasks "
            f"0-{first - 1} first, then sbatch --array={first}-{count - 1} slurm_array.sh."
        )
    gpus = experiment.resources.gpus
    script = _SLURM.format(
        name=shlex.quote(experiment.name),
        array=f"0-{first - 1}",
        cpus=max(1, int(experiment.resources.cpus)),
        gpus=f"#SBATCH --gpus-per-task={max(1, int(gpus))}\n" if gpus else "",
        order=order,
    )
    return script, _README.format(name=experiment.name, count=count, order=order)


def _trial_file(experiment: Experiment, trial: PlannedTrial, position: int) -> TrialFile:
    config, resources = trial.config, experiment.resources
    teacher = experiment.trial_by_id.get(config.teacher)
    has_weights = config.weights in experiment.files_by_digest
    return TrialFile(
        format=1,
        trial_id=trial.trial_id,
        settings=config.settings(),
        cell=trial.cell,
        position=position,
        experiment=ExperimentPart(
            name=experiment.name,
            description=experiment.description,
            baseline=experiment.baseline,
            source=experiment.source,
        ),
        resources=ResourcesPart(cpus=resources.cpus, gpus=resources.gpus),
        weights=_weights_name(config.weights) if has_weights else None,
        teacher=teacher.config.settings() if teacher else None,
    )


def _weights_name(digest: str) -> str:
    return f"{digest.removeprefix('sha256:')}.weights"


def _check_contains_nothing_else(folder: Path, contents: dict[str, bytes]) -> None:
    if folder.exists() and not folder.is_dir():
        raise UserError(f"--export {folder} is a file: choose a folder")
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        name = path.relative_to(folder).as_posix()
        if contents.get(name) != path.read_bytes():
            raise UserError(
                f"--export {folder} already contains {name}, which is not part of this export: "
                "choose an empty folder"
            )

"""An experiment as a folder of trial files, for machines without a network. Imports no torch."""

import shlex
from pathlib import Path

from orchestrator.spec.experiment import Experiment, PlannedTrial
from vss.errors import UserError
from vss.trial.file import ExperimentPart, ResourcesPart, TrialFile

_README = """\
Trials of the experiment {name}, for machines without a network ({count} trial files).

One trial:    python -m vss trials/NNNN-ID.json --storage results
All, Slurm:   sbatch slurm_array.sh    (look at its head first)
Afterwards, where the experiment belongs:    vss-orch import results

Where a dataset needs a folder: --data PATH, or VSS_DATA. An interrupted trial goes on with the same
command. {teachers}
"""
_SLURM = """\
#!/bin/bash
#SBATCH --job-name={name}
#SBATCH --array={array}
#SBATCH --cpus-per-task={cpus}
{gpus}#SBATCH --time=04:00:00
#SBATCH --signal=TERM@120
#SBATCH --requeue
# SIGTERM reaches python two minutes before the limit; it leaves a checkpoint, and submitting this
# script again goes on. {teachers}
cd "${{SLURM_SUBMIT_DIR:-$(dirname "$0")}}" || exit 2
files=(trials/"$(printf %04d "$SLURM_ARRAY_TASK_ID")"-*.json)
srun python -m vss "${{files[0]}}" --storage results "$@"
"""


def export(experiment: Experiment, folder: Path) -> list[Path]:
    """Write trial files, weights, the spec and an example script; returns the trial files.

    Teachers come first. Writing the same again changes nothing.

    Raises:
        UserError: if the folder holds anything else.
    """
    contents = _contents(experiment)
    _check(folder, contents)
    for name, content in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (folder / "slurm_array.sh").chmod(0o755)
    return [folder / name for name in contents if name.endswith(".json")]


def _contents(experiment: Experiment) -> dict[str, bytes]:
    """File name -> content."""
    ordered = _teachers_first(experiment)
    contents = {"spec.yaml": experiment.source.encode()}
    for number, trial in enumerate(ordered):
        name = f"trials/{number:04d}-{trial.config.trial_id}.json"
        contents[name] = _trial_file(experiment, trial).text().encode()
    for digest, file in experiment.files_by_digest.items():
        contents[f"trials/{_weights_name(digest)}"] = file.read_bytes()
    taught = sum(trial.config.teacher != "none" for trial in ordered)
    first = len(ordered) - taught
    note = (
        f"Tasks 0-{first - 1} teach tasks {first}-{len(ordered) - 1}: run those first, then "
        f"sbatch --array={first}-{len(ordered) - 1} slurm_array.sh."
        if taught
        else "No trial waits for another."
    )
    gpus = experiment.resources.gpus
    script = _SLURM.format(
        name=shlex.quote(experiment.name),
        array=f"0-{first - 1}",
        cpus=max(1, int(experiment.resources.cpus)),
        gpus=f"#SBATCH --gpus-per-task={max(1, int(gpus))}\n" if gpus else "",
        teachers=note,
    )
    readme = _README.format(name=experiment.name, count=len(ordered), teachers=note)
    return {**contents, "slurm_array.sh": script.encode(), "README.txt": readme.encode()}


def _teachers_first(experiment: Experiment) -> list[PlannedTrial]:
    return sorted(experiment.trials, key=lambda trial: trial.config.teacher != "none")


def _trial_file(experiment: Experiment, trial: PlannedTrial) -> TrialFile:
    config, resources = trial.config, experiment.resources
    by_id = {planned.config.trial_id: planned.config for planned in experiment.trials}
    teacher = by_id.get(config.teacher)
    held = config.weights in experiment.files_by_digest
    return TrialFile(
        format=1,
        trial_id=config.trial_id,
        settings=config.settings(),
        cell=trial.cell,
        position=experiment.trials.index(trial),
        experiment=ExperimentPart(
            name=experiment.name,
            description=experiment.description,
            baseline=experiment.baseline,
            source=experiment.source,
        ),
        resources=ResourcesPart(cpus=resources.cpus, gpus=resources.gpus),
        weights=_weights_name(config.weights) if held else None,
        teacher=teacher.settings() if teacher else None,
    )


def _weights_name(digest: str) -> str:
    return f"{digest.removeprefix('sha256:')}.weights"


def _check(folder: Path, contents: dict[str, bytes]) -> None:
    if folder.exists() and not folder.is_dir():
        raise UserError(f"--export {folder} is a file: name a folder")
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        name = path.relative_to(folder).as_posix()
        if contents.get(name) != path.read_bytes():
            raise UserError(
                f"--export {folder} holds something else already ({name}): name an empty folder"
            )

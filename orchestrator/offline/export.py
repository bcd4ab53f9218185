"""An experiment as a folder of trial files, for offline machines. Imports no torch."""

import itertools
import shlex
from collections.abc import Mapping, Sequence
from graphlib import TopologicalSorter
from pathlib import Path

from orchestrator.spec.experiment import Experiment
from orchestrator.spec.trial_builder import PlannedTrial
from vss.errors import UserError
from vss.trial.file import ExperimentPart, ResourcesPart, TrialFile
from vss.untrusted.messages import list_briefly

_README = """\
The trials of experiment {name}, for offline machines ({count} trial files).

One trial:                                  python -m vss trials/NNNN-ID.json --storage results
All trials, on Slurm:                       sbatch slurm_array.sh    (edit its header first)
Then, on the machine with the ledger:       vss-orch import results

If a dataset needs a folder, add --data PATH or set VSS_DATA. To resume an interrupted trial, rerun
the same command.

{order}
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
# this script again to resume.
# {order}
cd "${{SLURM_SUBMIT_DIR:-$(dirname "$0")}}" || exit 2
files=(trials/"$(printf %04d "$SLURM_ARRAY_TASK_ID")"-*.json)
srun python -m vss "${{files[0]}}" --storage results "$@"
"""


def export(experiment: Experiment, folder: Path) -> list[Path]:
    """Write trial files, weights, the spec and an example script; return the trial files.

    Trials that others depend on come first. Exporting the same experiment again changes nothing.

    Raises:
        UserError: if the folder contains anything else, or cannot be written.
    """
    if experiment.tuning is not None:
        raise UserError(
            f"--export: '{experiment.name}' searches settings, and each of its trials follows from "
            "the scores of earlier ones: submit it where the ledger is, or remove tune to export "
            "the trials with the settings of the spec"
        )
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
    stages = _stages(experiment)
    ordered_trials = [trial for stage in stages for trial in stage]
    contents = {"spec.yaml": experiment.source.encode()}
    for number, trial in enumerate(ordered_trials):
        file = _trial_file(experiment, trial, positions[trial.trial_id])
        contents[f"trials/{number:04d}-{trial.trial_id}.json"] = file.text().encode()
    for digest, path in experiment.files_by_digest.items():
        contents[f"trials/{_weights_name(digest)}"] = path.read_bytes()
    script, readme = _instructions(experiment, stages)
    return {**contents, "slurm_array.sh": script.encode(), "README.txt": readme.encode()}


def _stages(experiment: Experiment) -> list[list[PlannedTrial]]:
    """Return the trials that depend on no other, then those that depend only on these, and so on.

    Each stage keeps the order of the experiment.
    """
    sources = {trial.trial_id: trial.config.sources.values() for trial in experiment.trials}
    numbers: dict[str, int] = {}
    for trial_id in TopologicalSorter(sources).static_order():
        numbers[trial_id] = max((numbers[s] + 1 for s in sources.get(trial_id, ())), default=0)
    stages: list[list[PlannedTrial]] = [[] for _ in range(max(numbers.values()) + 1)]
    for trial in experiment.trials:
        stages[numbers[trial.trial_id]].append(trial)
    return [stage for stage in stages if stage]


def _instructions(
    experiment: Experiment, stages: Sequence[Sequence[PlannedTrial]]
) -> tuple[str, str]:
    """Return the Slurm script and the README."""
    count = sum(map(len, stages))
    ends = itertools.accumulate(map(len, stages))
    arrays = [f"{end - len(stage)}-{end - 1}" for end, stage in zip(ends, stages, strict=True)]
    order = ["The trials can run in any order."]
    if len(stages) > 1:
        order = ["Later tasks need what earlier ones train, their teachers or initial weights. Run"]
        order += ["these one after the other, each when the one before has finished:"]
        order += [
            f"  sbatch --array={array} slurm_array.sh    trains "
            f"{list_briefly(dict.fromkeys(trial.cell for trial in stage))}"
            for array, stage in zip(arrays, stages, strict=True)
        ]
    gpus = experiment.resources.gpus
    script = _SLURM.format(
        name=shlex.quote(experiment.name),
        array=arrays[0],
        cpus=max(1, int(experiment.resources.cpus)),
        gpus=f"#SBATCH --gpus-per-task={max(1, int(gpus))}\n" if gpus else "",
        order="\n# ".join(order),
    )
    readme = _README.format(name=experiment.name, count=count, order="\n".join(order))
    return script, readme


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

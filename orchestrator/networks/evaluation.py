"""An experiment made in code: trained networks, scored on a split of a dataset.

Each is a trial without steps, whose weights are the whole network: it goes the way of every trial,
into ledger, MLflow and report, and may join the table of an experiment that has been trained.
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.ledger.ledger import Ledger, State
from orchestrator.networks.lookup import Found
from orchestrator.spec.file import Experiment, PlannedTrial, Resources, digest
from vss import catalog
from vss.errors import UserError
from vss.trial_config import TrialConfig, parse_settings

if TYPE_CHECKING:
    from vss.inference.trained_network import TrainedNetwork

# Of the training alone, and with a meaning or a demand that nothing meets when nothing is trained.
_DROPPED = (
    "teacher", "distillation_weight", "temperature", "select", "eval_every", "class_weights",
)  # fmt: skip


def build_experiment(
    targets: Sequence[Found], dataset: str | None, split: str, name: str, ledger: Ledger
) -> Experiment:
    """One cell a target, seeds of a cell together; they join those that are there already.

    Args:
        targets: what is scored.
        dataset: on what, by its name; None for what each was trained on.
        split: train, val or test.
        name: of the experiment.
        ledger: tells which experiments and cells there are.

    Raises:
        UserError: if classes differ, weights do not fit, or the experiment is not finished.
    """
    from vss.inference.trained_network import load_trained_network

    known = _finished_trials(name, ledger)
    added: list[PlannedTrial] = []
    files: dict[str, Path] = {}
    for found in targets:
        config = scoring_config(found, dataset, split)
        load_trained_network(found.trained)  # refuses weights that do not fit
        if config.trial_id not in {trial.config.trial_id for trial in [*known, *added]}:
            cell = _cell_name(found, config, ledger, [*known, *added])
            added.append(PlannedTrial(cell, config))
        files[config.weights] = found.trained.weights
    trials = (*known, *added)
    cells: dict[str, TrialConfig] = {}
    for trial in trials:
        cells.setdefault(trial.cell, trial.config)
    before = ledger.experiment(name) if known else None
    return Experiment(
        name=name,
        description=before.description if before else "trained networks, scored",
        trials=trials,
        cells=cells,
        baseline=before.baseline if before else trials[0].cell,
        resources=_whole_machine(),
        weight_files=files,
        source=(before.source.rstrip() + "\n" if before else "") + _said(split, name, added),
    )


def scoring_config(found: Found, dataset: str | None, split: str) -> TrialConfig:
    """The trial that scores a trained network; what only training reads is kept or dropped.

    Raises:
        UserError: if the dataset has other classes.
    """
    trained = found.trained
    settings = {k: v for k, v in trained.config.settings().items() if k not in _DROPPED}
    if dataset is not None and dataset != trained.config.dataset:
        for option in catalog.DATASETS[trained.config.dataset].options:
            settings.pop(option, None)
        settings["dataset"] = dataset
    settings |= {"steps": 0, "scored_split": split, "weights": digest(trained.weights)}
    config = parse_settings(settings)
    _check_classes(found.name, trained, config)
    return config


def _check_classes(name: str, trained: "TrainedNetwork", config: TrialConfig) -> None:
    ours, theirs = trained.config.class_names, config.class_names
    if ours == theirs:
        return
    lacking = [entry for entry in ours if entry not in theirs]
    further = [entry for entry in theirs if entry not in ours]
    said = [f"only in {name}: {', '.join(lacking)}"] if lacking else []
    said += [f"only in {config.dataset}: {', '.join(further)}"] if further else []
    raise UserError(
        f"{name} was trained on the classes of '{trained.config.dataset}', dataset "
        f"'{config.dataset}' has others ({'; '.join(said) or 'their order differs'}): "
        "score it on a dataset with the same classes"
    )


def _finished_trials(name: str, ledger: Ledger) -> list[PlannedTrial]:
    """Those of an experiment that is there already; failed evaluations make room for new ones."""
    trials = ledger.trials(name)
    waiting = [t for t in trials if t.state != State.FINISHED and t.settings["steps"] > 0]
    if waiting:
        raise UserError(
            f"experiment '{name}' has {len(waiting)} trials that are not finished: "
            "submit its spec first, or give another --name"
        )
    finished = [t for t in trials if t.state == State.FINISHED]
    return [PlannedTrial(t.cell, parse_settings(dict(t.settings))) for t in finished]


def _cell_name(
    found: Found, config: TrialConfig, ledger: Ledger, there: Sequence[PlannedTrial]
) -> str:
    """The cell of a trial that the ledger knows, else its own name; seeds of a cell share it."""
    cells = set(ledger.membership(found.name).values())
    name = cells.pop() if len(cells) == 1 else found.name
    of_data = f"{name}, {config.dataset} {config.scored_split}"
    for candidate in (name, of_data):
        if all(_differ_by_seed(t.config, config) for t in there if t.cell == candidate):
            return candidate
    return f"{of_data}, {config.weights.removeprefix('sha256:')[:8]}"


def _differ_by_seed(one: TrialConfig, other: TrialConfig) -> bool:
    """Whether two trials are of one cell: seeds differ, and so the weights, and nothing else."""
    seedless = {"seed": 0, "weights": "none"}
    alike = one.model_copy(update=seedless) == other.model_copy(update=seedless)
    return alike and one.seed != other.seed


def _whole_machine() -> Resources:
    import torch

    gpus = 1.0 if torch.cuda.is_available() else 0.0
    return Resources(cpus=float(os.cpu_count() or 1), gpus=gpus, retries=0)


def _said(split: str, name: str, added: Sequence[PlannedTrial]) -> str:
    """What is added to a spec's text: how the cells came about, as comments."""
    lines = [f"# scored by: vss-orch evaluate ... --split {split} --name {name}"]
    lines += [f"# cell {json.dumps(t.cell)}: {json.dumps(t.config.settings())}" for t in added]
    return "\n".join(lines) + "\n"

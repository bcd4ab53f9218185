"""An experiment made in code: trained networks, scored on a split of a dataset.

Each is a trial without steps, whose weights are the whole network: it goes the way of every trial,
into ledger, MLflow and report, and may join the table of an experiment that has been trained.
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.ledger import Ledger, State
from orchestrator.models import Found
from orchestrator.spec import Experiment, PlannedTrial, Resources, digest
from vss import catalog
from vss.config import TrialConfig, parse
from vss.errors import UserError

if TYPE_CHECKING:
    from vss.trained import TrainedModel

# Of the training alone, and with a meaning or a demand that nothing meets when nothing is trained.
_DROPPED = (
    "teacher", "distillation_weight", "temperature", "select", "eval_every", "class_weights",
)  # fmt: skip


def build_experiment(
    targets: Sequence[Found], dataset: str | None, split: str, name: str, ledger: Ledger
) -> Experiment:
    """One cell a target; if the experiment is there already, they join its cells.

    Args:
        targets: what is scored.
        dataset: on what, by its name; None for what each was trained on.
        split: train, val or test.
        name: of the experiment.
        ledger: tells which experiments and cells there are.

    Raises:
        UserError: if classes differ, or the experiment is not finished.
    """
    known = _finished_trials(name, ledger)
    added: list[PlannedTrial] = []
    files: dict[str, Path] = {}
    for found in targets:
        config = scoring_config(found, dataset, split)
        if config.trial_id not in {trial.config.trial_id for trial in [*known, *added]}:
            taken = {trial.cell for trial in [*known, *added]}
            added.append(PlannedTrial(_cell_name(found, ledger, taken), config))
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
        source=(before.source.rstrip() + "\n" if before else f"name: {name}\n") + _said(added),
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
    config = parse(settings)
    _check_classes(found.name, trained, config)
    return config


def _check_classes(name: str, trained: "TrainedModel", config: TrialConfig) -> None:
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
    return [PlannedTrial(t.cell, parse(dict(t.settings))) for t in finished]


def _cell_name(found: Found, ledger: Ledger, taken: set[str]) -> str:
    """The cell and seed of a trial that the ledger knows, else its own name."""
    trial_id = found.trained.config.trial_id
    cells = set(ledger.membership(trial_id).values()) if found.name == trial_id else set()
    best = f"{cells.pop()}, seed {found.trained.config.seed}" if len(cells) == 1 else found.name
    candidates = (best, f"{best} ({found.name})", f"{best} ({digest(found.trained.weights)[7:15]})")
    return next((name for name in candidates if name not in taken), candidates[-1])


def _whole_machine() -> Resources:
    import torch

    gpus = 1.0 if torch.cuda.is_available() else 0.0
    return Resources(cpus=float(os.cpu_count() or 1), gpus=gpus, retries=0)


def _said(added: Sequence[PlannedTrial]) -> str:
    """What stands in for a spec's text: the settings of each cell, on one line each."""
    lines = [f"  {json.dumps(t.cell)}: {json.dumps(t.config.settings())}" for t in added]
    return "\n".join(
        ["# scored by vss-orch evaluate; weights are named by their contents:", *lines]
    )

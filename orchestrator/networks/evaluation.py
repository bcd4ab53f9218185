"""The evaluation of trained networks: an experiment built in code, without a spec.

Each network is a trial without steps, whose weights are the whole network. Like any trial, it goes
through the ledger, MLflow and the report. It may also join the cells of a finished experiment.
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.ledger.entries import State
from orchestrator.ledger.ledger import Ledger
from orchestrator.ledger.overview.budget_status import BudgetStatus
from orchestrator.networks.lookup import NamedNetwork
from orchestrator.spec.experiment import Experiment
from orchestrator.spec.schema import Resources
from orchestrator.spec.trial_builder import PlannedTrial
from vss import catalog
from vss.errors import UserError
from vss.trial_config import TrialConfig, parse_settings
from vss.untrusted.weights_file import digest_weights

if TYPE_CHECKING:
    from vss.inference.trained_network import TrainedNetwork

# Settings that apply only to training; a trial without steps must not state them.
_TRAINING_SETTINGS = (
    "teacher", "distillation_weight", "temperature", "select", "eval_every", "class_weights",
    "stop_step",
)  # fmt: skip


def build_evaluation(
    networks: Sequence[NamedNetwork], dataset: str | None, split: str, name: str, ledger: Ledger
) -> Experiment:
    """Build an experiment that scores networks; the seeds of a cell stay together.

    Args:
        networks: the networks to score.
        dataset: the dataset to score on; None for the one that each was trained on.
        split: train, val or test.
        name: the name of the experiment; if it has finished, the networks join its cells.
        ledger: the ledger, with the experiments and cells so far.

    Raises:
        UserError: if classes differ, weights do not fit, or the experiment has not finished or has
            used up its budget.
    """
    from vss.inference.trained_network import load_trained_network

    trials = _finished_trials(name, ledger)
    entry = ledger.experiment(name) if trials else None
    if entry and entry.budget:
        _check_budget(name, entry.budget)
    new_trials: list[PlannedTrial] = []
    files: dict[str, Path] = {}
    for network in networks:
        config = build_scoring_config(network, dataset, split)
        # Refuse weights that do not fit before anything is recorded.
        load_trained_network(network.trained)
        if config.trial_id not in {trial.trial_id for trial in [*trials, *new_trials]}:
            cell = _cell_name(network, config, ledger, [*trials, *new_trials])
            new_trials.append(PlannedTrial(cell, config))
        files[config.weights] = network.trained.weights
    trials += new_trials
    cells: dict[str, TrialConfig] = {}
    for trial in trials:
        cells.setdefault(trial.cell, trial.config)
    return Experiment(
        name=name,
        description=entry.description if entry else "Evaluation of trained networks",
        trials=tuple(trials),
        cells=cells,
        baseline=entry.baseline if entry else trials[0].cell,
        resources=_whole_machine(),
        files_by_digest=files,
        source=(entry.source.rstrip() + "\n" if entry else "") + _comments(split, name, new_trials),
        published=entry.published if entry else {},
        margin_points=entry.margin_points if entry else None,
        seeds=tuple(entry.seeds) if entry else (),
        looks=tuple(entry.looks) if entry else (),
        budget=dict(entry.budget.limits) if entry and entry.budget else {},
    )


def build_scoring_config(network: NamedNetwork, dataset: str | None, split: str) -> TrialConfig:
    """Build the settings of the trial that scores a network.

    Raises:
        UserError: if the classes of the dataset and the network differ.
    """
    trained = network.trained
    settings = {k: v for k, v in trained.config.settings().items() if k not in _TRAINING_SETTINGS}
    if dataset is not None and dataset != trained.config.dataset:
        for option in catalog.DATASETS[trained.config.dataset].options:
            settings.pop(option, None)
        settings["dataset"] = dataset
    settings |= {
        "steps": 0,
        "scored_split": split,
        "weights": digest_weights(trained.weights),
    }
    config = parse_settings(settings)
    _check_classes(network.name, trained, config)
    return config


def _check_classes(name: str, trained: "TrainedNetwork", config: TrialConfig) -> None:
    network_classes, data_classes = trained.config.class_names, config.class_names
    if network_classes == data_classes:
        return
    only_network = [c for c in network_classes if c not in data_classes]
    only_data = [c for c in data_classes if c not in network_classes]
    differences = [f"only in {name}: {', '.join(only_network)}"] if only_network else []
    differences += [f"only in {config.dataset}: {', '.join(only_data)}"] if only_data else []
    details = "; ".join(differences) or "their order differs"
    raise UserError(
        f"{name} was trained on the classes of '{trained.config.dataset}', but dataset "
        f"'{config.dataset}' has different classes ({details}): "
        "score it on a dataset with the same classes"
    )


def _finished_trials(name: str, ledger: Ledger) -> list[PlannedTrial]:
    """Return the trials of an existing experiment, without evaluations that failed."""
    trials = ledger.trials(name)
    unfinished = [t for t in trials if t.state != State.FINISHED and t.settings["steps"] > 0]
    if unfinished:
        raise UserError(
            f"experiment '{name}' has not finished ({len(unfinished)} of {len(trials)} trials "
            "left): submit its spec first, or choose a different --name"
        )
    finished = [t for t in trials if t.state == State.FINISHED]
    return [PlannedTrial(t.cell, parse_settings(dict(t.settings))) for t in finished]


def _check_budget(name: str, budget: BudgetStatus) -> None:
    if budget.is_used_up:
        raise UserError(
            f"the budget of experiment '{name}' is used up ({budget}): submit its spec with a "
            "larger one first, or choose a different --name"
        )


def _cell_name(
    network: NamedNetwork, config: TrialConfig, ledger: Ledger, trials: Sequence[PlannedTrial]
) -> str:
    """Return the cell of a network's trial if the ledger has it, else the network's name.

    All seeds of a cell share its name. If a different cell has the name, the data is appended.
    """
    cells = set(ledger.membership(network.name).values())
    name = cells.pop() if len(cells) == 1 else network.name
    name_and_data = f"{name}, {config.dataset} {config.scored_split}"
    for candidate in (name, name_and_data):
        if all(_is_another_seed(t.config, config) for t in trials if t.cell == candidate):
            return candidate
    return f"{name_and_data}, {config.weights.removeprefix('sha256:')[:8]}"


def _is_another_seed(one: TrialConfig, other: TrialConfig) -> bool:
    """Return whether two trials belong to one cell: only their seeds and weights differ."""
    same_seed = {"seed": 0, "weights": "none"}
    is_same_cell = one.model_copy(update=same_seed) == other.model_copy(update=same_seed)
    return is_same_cell and one.seed != other.seed


def _whole_machine() -> Resources:
    import torch

    gpus = 1.0 if torch.cuda.is_available() else 0.0
    return Resources(cpus=float(os.cpu_count() or 1), gpus=gpus, retries=0)


def _comments(split: str, name: str, new_trials: Sequence[PlannedTrial]) -> str:
    """Return comments that record in the spec's text where the new cells came from."""
    lines = [f"# scored by: vss-orch evaluate ... --split {split} --name {name}"]
    lines += [
        f"# cell {json.dumps(trial.cell)}: {json.dumps(trial.config.settings())}"
        for trial in new_trials
    ]
    return "\n".join(lines) + "\n"

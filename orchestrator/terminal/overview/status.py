"""What `status` prints, as tables or as JSON values."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.console import Console

from orchestrator.ledger.entries import ExperimentStatus, State
from orchestrator.terminal.overview.experiment_table import build_experiment_table
from orchestrator.terminal.overview.look_line import count_at_most, describe_look, read_look
from orchestrator.terminal.time_left import (
    experiment_seconds_left,
    read_seconds_left,
    seconds_left,
)
from orchestrator.terminal.trial_tables import build_trial_table

if TYPE_CHECKING:
    from orchestrator.ledger.ledger import Ledger


def show_experiments(ledger: "Ledger | None", console: Console) -> None:
    """Print all experiments; None is a ledger that nobody has created yet."""
    table = build_experiment_table(*_read_experiments(ledger))
    console.print(table, soft_wrap=True)


def _read_experiments(ledger: "Ledger | None") -> tuple[list[ExperimentStatus], dict[str, float]]:
    """Return the experiments, and the seconds left of those that run, by name."""
    if ledger is None:
        return [], {}
    experiments = ledger.experiments()
    return experiments, read_seconds_left(experiments, ledger)


def show_status(name: str, ledger: "Ledger", console: Console) -> None:
    """Print the trials of an experiment.

    Raises:
        UserError: if there is no such experiment.
    """
    experiment = ledger.experiment(name)
    trials = ledger.trials(name, with_samples=True)
    console.print(build_trial_table(trials, show_ids=True, budget=experiment.budget))
    if (look := describe_look(experiment.looks, experiment.baseline, trials)) is not None:
        console.print(look, highlight=False, soft_wrap=True)
    console.print(_say_who_runs_it(experiment), highlight=False, soft_wrap=True)
    if experiment.budget is not None:
        console.print(f"budget: {experiment.budget}", highlight=False, soft_wrap=True)


def describe_experiment(name: str, ledger: "Ledger") -> dict[str, Any]:
    """Return an experiment and its trials as JSON values.

    Raises:
        UserError: if there is no such experiment.
    """
    experiment, trials = ledger.experiment(name), ledger.trials(name, with_samples=True)
    study = [trial for trial in trials if trial.sample is None]
    looks, baseline = experiment.looks, experiment.baseline
    return {
        "experiment": name,
        "looks": looks,
        "look": read_look(looks, baseline, study) if looks else None,
        "trials_at_most": count_at_most(looks, baseline, study) if looks else len(study),
        "drivers": experiment.drivers,
        "seconds_left": experiment_seconds_left(trials, experiment.budget),
        "budget": asdict(experiment.budget) if experiment.budget else None,
        "trials": [asdict(trial) | {"seconds_left": seconds_left(trial)} for trial in trials],
    }


def describe_experiments(ledger: "Ledger | None") -> dict[str, Any]:
    """Return all experiments, with the number of their trials in each state, as JSON values.

    None is a ledger that nobody has created yet.
    """
    experiments, estimates = _read_experiments(ledger)
    return {
        "experiments": [
            {
                "experiment": experiment.name,
                "trials": experiment.counts,
                "drivers": experiment.drivers,
                "seconds_left": estimates.get(experiment.name),
                "priority": experiment.priority,
            }
            for experiment in experiments
        ]
    }


def _say_who_runs_it(experiment: ExperimentStatus) -> str:
    if experiment.drivers:
        return f"run by {', '.join(experiment.drivers)}"
    if experiment.counts.get(State.PENDING):
        is_used_up = experiment.budget is not None and experiment.budget.is_used_up
        larger = " with a larger budget" if is_used_up else ""
        return f"nobody runs it; submit its spec{larger} to continue"
    return "nobody runs it"

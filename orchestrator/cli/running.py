"""Commands for experiments that run."""

from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.options import INTERRUPTED, ExperimentName
from orchestrator.cli.output import console, echo
from orchestrator.terminal.completion import complete_trial
from orchestrator.terminal.counts import count_of

if TYPE_CHECKING:
    from orchestrator.ledger.control.entries import Cancellation

app = typer.Typer()


@app.command()
def watch(name: ExperimentName) -> None:
    """Show an experiment while a submit runs it, from any machine that reaches the ledger.

    Ends with that submit and its exit code. Ctrl-C stops nothing.
    """
    from orchestrator.settings import load_settings
    from orchestrator.stores import open_existing_ledger

    ledger = open_existing_ledger(load_settings(), name)
    from orchestrator.terminal.overview.following import watch as watch_experiment

    exit_code = watch_experiment(name, ledger, console())
    raise typer.Exit(INTERRUPTED if exit_code is None else exit_code)


@app.command()
def cancel(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="An experiment, EXPERIMENT:CELL[:SEED], or a trial_id or its first characters.",
            autocompletion=complete_trial,
        ),
    ],
) -> None:
    """Cancel an experiment, or single trials, wherever they run.

    Running trials save a checkpoint: `retry` or the next submit resumes them. Cancelling an
    experiment also ends its submit, but leaves trials alone that another running experiment needs.
    """
    from orchestrator.ledger.trial_names import check_name_or_trial_id, find_trial_ids
    from orchestrator.settings import load_settings
    from orchestrator.stores import check_ledger, open_existing_ledger

    settings = load_settings()
    check_ledger(settings)
    check_name_or_trial_id(name, settings.ledger_url)
    ledger = open_existing_ledger(settings)
    if ":" not in name and name in ledger.names():
        cancellation = ledger.upkeep.cancel_experiment(name)
    else:
        cancellation = ledger.upkeep.cancel_trials(find_trial_ids(name, ledger))
    for line in _describe(name, cancellation):
        echo(line)


def _describe(name: str, cancellation: "Cancellation") -> list[str]:
    lines = []
    if cancellation.cancelled:
        lines.append(f"cancelled {count_of(len(cancellation.cancelled), 'trial')}")
    if cancellation.stopping:
        trials = count_of(len(cancellation.stopping), "running trial")
        lines.append(f"stopping {trials} at the next step, with a checkpoint")
    if cancellation.lease is not None:
        lines.append(f"ending {cancellation.lease.describe()}")
    if cancellation.kept:
        trials = count_of(len(cancellation.kept), "trial")
        others = ", ".join(sorted(set(cancellation.kept.values())))
        lines.append(f"left {trials} to running experiments that need them too: {others}")
    return lines or [f"nothing to cancel: no trial of '{name}' is pending or running"]

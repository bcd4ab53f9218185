"""Commands that try trials again, delete experiments and clean the storage."""

from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.options import ExperimentName
from orchestrator.cli.output import confirm, console, echo
from orchestrator.secrecy import redact
from orchestrator.terminal.counts import count_of
from vss.errors import UserError

if TYPE_CHECKING:
    from orchestrator.stores import Stores

app = typer.Typer()
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")]


@app.command()
def retry(
    name: ExperimentName,
    failed: Annotated[
        bool, typer.Option("--failed", help="Leave trials that were cancelled as they are.")
    ] = False,
    latency: Annotated[
        bool,
        typer.Option("--latency", help="Only have the next submit measure latency again."),
    ] = False,
) -> None:
    """Make failed and cancelled trials of an experiment pending again."""
    from orchestrator.ledger.entries import State
    from orchestrator.settings import load_settings
    from orchestrator.stores import Stores, open_existing_ledger

    if failed and latency:
        raise UserError("--latency touches no trial: leave out --failed")
    settings = load_settings()
    ledger = open_existing_ledger(settings, name)
    if latency:
        from orchestrator.upkeep.latency import forget_latency

        forget_latency(name, Stores(settings))
        echo(f"the latency of '{name}' is measured again when its spec is submitted")
        return
    states = [State.FAILED] if failed else [State.FAILED, State.CANCELLED]
    count = ledger.upkeep.retry(name, states)
    if not count:
        echo(f"no trial of '{name}' is {' or '.join(states)}")
        return
    lease = ledger.lease(name)
    sequel = "submit its spec to continue" if lease is None else f"{lease.describe()} runs them"
    echo(f"{count_of(count, 'trial')} of '{name}' now PENDING; {sequel}")


@app.command()
def delete(name: ExperimentName, yes: Yes = False) -> None:
    """Delete an experiment: its trials, their directories and their MLflow runs.

    Trials that another experiment shares stay, and so does the report. MLflow keeps deleted runs
    until you run `mlflow gc`.
    """
    from orchestrator.settings import load_settings
    from orchestrator.stores import Stores, open_existing_ledger

    settings = load_settings()
    open_existing_ledger(settings, name)
    from orchestrator.upkeep.deletion import delete_experiment

    stores = Stores(settings)
    planned = stores.ledger.upkeep.plan_deletion(name)
    trials, stay = count_of(len(planned.own), "trial"), len(planned.shared)
    shared = f" ({stay} more that other experiments share will stay)" if stay else ""
    confirm(f"Delete experiment '{name}' with {trials}{shared}?", yes)
    deletion, lost_runs = delete_experiment(name, stores, settings)
    echo(f"deleted experiment '{name}' with {count_of(len(deletion.own), 'trial')}")
    if lost_runs:
        lost = count_of(lost_runs, "run")
        echo(f"not deleted: {lost}, which MLflow at {redact(stores.tracker.uri)} does not have")
    if settings.report_folder(name).is_dir():
        echo(f"its report stays in {settings.report_folder(name)}")


@app.command()
def clean(
    yes: Yes = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List the directories, but remove nothing.")
    ] = False,
) -> None:
    """List and remove trial directories that no experiment asks for.

    Their trials leave the ledger, and their MLflow runs are marked as deleted. What killed
    processes left behind is removed without a question, and so are states from which no sample of
    a search will go on.
    """
    from orchestrator.settings import load_settings
    from orchestrator.stores import Stores
    from orchestrator.terminal.leftover_table import build_leftover_table, format_megabytes
    from orchestrator.upkeep.cleaning import check_ledger_exists, find_leftovers, remove_leftovers

    settings = load_settings()
    check_ledger_exists(settings)
    stores = Stores(settings)
    if not dry_run:
        _remove_remains(stores)
    leftovers = find_leftovers(stores.ledger, settings)
    if not leftovers:
        echo(f"nothing to remove in {settings.storage}")
        return
    console().print(build_leftover_table(leftovers))
    size = f"{format_megabytes(sum(item.size_bytes for item in leftovers))} MB"
    directories = "directory" if len(leftovers) == 1 else "directories"
    if dry_run:
        echo(f"{len(leftovers)} {directories}, {size}; nothing was removed")
        return
    confirm(f"Remove {len(leftovers)} {directories} ({size}) from {settings.storage}?", yes)
    removed_leftovers = remove_leftovers(leftovers, stores)
    echo(f"removed {len(removed_leftovers)} of {len(leftovers)} {directories}")


def _remove_remains(stores: "Stores") -> None:
    """Remove what killed processes left behind, and say so."""
    from orchestrator.upkeep.stale_files import (
        remove_partial_files,
        remove_stale_files,
        remove_unread_orders,
    )
    from orchestrator.upkeep.stopped_states import remove_stopped_states

    if states := remove_stopped_states(stores):
        echo(f"removed {count_of(states, 'state')} of samples whose search is over")
    folder = stores.settings.storage.folder
    files = remove_stale_files(folder) + remove_partial_files(folder)
    files += remove_unread_orders(stores.settings.orders)
    if files:
        echo(f"removed {count_of(files, 'file')} that killed processes left behind")
    if drivers := stores.ledger.upkeep.forget_dead_drivers():
        echo(f"forgot {count_of(drivers, 'submit')} that had been killed")

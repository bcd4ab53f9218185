"""Commands for machines without a network."""

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command("import")(import_trials)


def import_trials(
    folders: Annotated[
        list[Path], typer.Argument(metavar="DIR...", help="Trial directories, or folders of them.")
    ],
    spec: Annotated[
        Path | None, typer.Option(help="Says the cells of directories without a trial.json.")
    ] = None,
    pictures: Annotated[bool, typer.Option(help="Frames of the dataset in the report.")] = True,
) -> None:
    """Take trials that were finished elsewhere into ledger and MLflow, and write the reports.

    Exit code 1 if a directory was left alone.
    """
    from rich.console import Console

    from orchestrator.offline.collection import take_in
    from orchestrator.results.report import print_report
    from orchestrator.settings import load_settings

    settings = load_settings()
    touched, left_alone = take_in(folders, spec, settings, say=typer.echo)
    for name in touched:
        print_report(name, settings, pictures, Console())
    raise typer.Exit(1 if left_alone else 0)

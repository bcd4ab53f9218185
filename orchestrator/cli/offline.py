"""Commands for machines without a network: train there, import here."""

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command("run")(run)
    app.command("import")(import_trials)


def run(
    trial: Annotated[Path, typer.Argument(metavar="TRIAL.json", help="The trial file.")],
    storage: Annotated[Path, typer.Option(help="Folder of the trial directories.")],
    data: Annotated[Path | None, typer.Option(help="The dataset's folder.")] = None,
    cache: Annotated[Path | None, typer.Option(help="Folder of decoded frames.")] = None,
    device: Annotated[
        str | None, typer.Option(help="cpu or cuda (default: as the file says).")
    ] = None,
    threads: Annotated[
        int | None, typer.Option(help="For the CPU (default: as the file says).")
    ] = None,
    latency: Annotated[
        bool, typer.Option("--latency", help="Measure it into latency.json.")
    ] = False,
    stop_after: Annotated[
        float | None, typer.Option(help="Seconds; then a checkpoint is left.")
    ] = None,
) -> None:
    """Train one trial from its file, without ledger and MLflow, as `python -m vss` does."""
    from vss.__main__ import run as train
    from vss.errors import UserError

    if device not in (None, "cpu", "cuda"):
        raise UserError(f"--device '{device}' is neither cpu nor cuda")
    code = train(
        trial,
        storage,
        data=data,
        cache=cache,
        device_name=device,
        threads=threads,
        latency=latency,
        stop_after=stop_after,
    )
    raise typer.Exit(code)


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

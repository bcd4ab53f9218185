"""Commands for machines without a network: train there, import here."""

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command("run")(run)


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

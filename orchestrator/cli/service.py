"""Commands for supporting services: the MLflow UI and a persistent Ray head."""

from typing import Annotated

import typer

app = typer.Typer()


@app.command()
def ui(
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="Open this experiment's runs (default: all runs)."),
    ] = None,
    port: Annotated[int, typer.Option(help="First port to try.")] = 5000,
) -> None:
    """Serve the MLflow UI on this machine until Ctrl-C."""
    from orchestrator.settings import load_settings
    from orchestrator.stores import open_ledger, open_tracker
    from orchestrator.tracking.ui_server import serve

    settings = load_settings()
    if name is not None:
        open_ledger(settings).experiment(name)
    page = open_tracker(settings).runs_page(name)
    serve(settings.tracking_uri, page, port, say=typer.echo)


@app.command()
def dashboard(
    stop: Annotated[bool, typer.Option("--stop", help="Stop the running head.")] = False,
) -> None:
    """Start a Ray head that keeps running on this machine; later submits use it."""
    from orchestrator.execution.cluster import head as ray_head
    from orchestrator.settings import command, load_settings

    settings = load_settings()
    if stop:
        stopped = ray_head.stop(settings)
        typer.echo("stopped the Ray head" if stopped else "no Ray head is running")
        return
    head = ray_head.start(settings)
    typer.echo(f"Ray dashboard: {head.dashboard_url} (submits now run on {head.address})")
    typer.echo(f"Its token:     run {command('ray')} get-auth-token")
    typer.echo(f"To stop it:    {command('vss-orch')} dashboard --stop")

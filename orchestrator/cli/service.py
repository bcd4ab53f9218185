"""Commands for supporting services: the MLflow UI, a persistent Ray head, and their health."""

from typing import Annotated

import typer

from orchestrator.cli.options import AsJson, DataPaths, Insecure
from orchestrator.cli.output import console, echo, print_json
from orchestrator.terminal.completion import complete_experiment

app = typer.Typer()


@app.command()
def ui(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME",
            help="Open this experiment's runs (default: all runs).",
            autocompletion=complete_experiment,
        ),
    ] = None,
    port: Annotated[int, typer.Option(min=1, max=65_535, help="First port to try.")] = 5000,
) -> None:
    """Serve the MLflow UI on this machine until Ctrl-C."""
    from orchestrator.settings import load_settings
    from orchestrator.stores import open_existing_ledger, open_tracker
    from orchestrator.tracking.ui_server import serve

    settings = load_settings()
    ledger = open_existing_ledger(settings, name) if name is not None else None
    tracker = open_tracker(settings)
    from orchestrator.tracking.pages import pictures_page, runs_page  # takes seconds

    pages = {"MLflow UI": runs_page(tracker.experiment_id, name)}
    if name is not None and ledger is not None:
        from orchestrator.results.study_numbers import share_view

        if share_view(name, ledger.trials(name), tracker):
            pages["Pictures"] = pictures_page(tracker.experiment_id, name)
    serve(settings.tracking_uri, pages, port, say=echo)


@app.command()
def dashboard(
    stop: Annotated[bool, typer.Option("--stop", help="Stop the running head.")] = False,
    insecure: Insecure = False,
) -> None:
    """Start a Ray head that keeps running on this machine; your later submits here use it."""
    from orchestrator.execution.cluster import head as ray_head
    from orchestrator.settings import command, load_settings

    settings = load_settings()
    if stop:
        stopped = ray_head.stop()
        echo("stopped the Ray head" if stopped else "no Ray head is running")
        return
    head = ray_head.start(settings, insecure)
    echo(f"Ray dashboard: {head.dashboard_url}")
    echo("Used by:       your later submits on this machine, from any VSS_HOME, unless --address")
    echo("               or RAY_ADDRESS names another cluster, or they are --in-process")
    echo(f"Its token:     run {command('ray')} get-auth-token")
    echo(f"To stop it:    {command('vss-orch')} dashboard --stop")


@app.command()
def doctor(data: DataPaths = None, as_json: AsJson = False) -> None:
    """Check versions, machine, ledger, MLflow, Ray, storage and data, and name remedies.

    Changes nothing and starts no service. Exits with 1 if there is a problem.
    """
    from dataclasses import asdict

    from orchestrator.health.doctor import run_checks
    from orchestrator.health.finding import Level
    from orchestrator.health.table import build_health_table, summarise
    from orchestrator.settings import load_settings, parse_data_paths

    findings = run_checks(load_settings(), parse_data_paths(data or []))
    if as_json:
        print_json({"findings": [asdict(finding) for finding in findings]})
    else:
        console().print(build_health_table(findings))
        echo(summarise(findings))
    raise typer.Exit(int(any(finding.level == Level.PROBLEM for finding in findings)))

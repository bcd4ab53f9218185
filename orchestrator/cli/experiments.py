"""Commands that run, follow and import experiments."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.options import (
    ALL_FINISHED,
    INTERRUPTED,
    TRIAL_FAILED,
    AsJson,
    DataPaths,
    Insecure,
    Overrides,
    Pictures,
    SpecPath,
)
from orchestrator.cli.output import console, echo, print_json
from orchestrator.terminal.completion import complete_experiment, complete_trial
from vss.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.stores import Stores

app = typer.Typer()
Look = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="Stop after planned look N (default: go on to the last one).",
    ),
]


@app.command()
def submit(
    context: typer.Context,
    spec: SpecPath,
    overrides: Overrides = None,
    data: DataPaths = None,
    address: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Address of a Ray cluster (default: RAY_ADDRESS, else the head started by "
            "`dashboard`, else a new Ray instance for this submit).",
        ),
    ] = None,
    in_process: Annotated[
        bool,
        typer.Option("--in-process", help="Run one trial at a time, without Ray; for debugging."),
    ] = False,
    insecure: Insecure = False,
    detach: Annotated[
        bool,
        typer.Option(
            "--detach",
            help="Hand the experiment over to the Ray cluster and return; without a cluster, to a "
            "Ray head that keeps running on this machine.",
        ),
    ] = False,
    smoke: Annotated[
        bool, typer.Option("--smoke", help="Run two steps of each cell and keep nothing.")
    ] = False,
    look: Look = None,
    pictures: Pictures = True,
) -> None:
    """Train the trials that have not finished, measure latency and write the report.

    Ctrl-C stops the trials at their next step; rerun the same command to resume. If another submit
    runs the experiment already, this one shows it, and takes over if that submit ends before the
    trials do; Ctrl-C then stops nothing. Nor does it if the cluster is given by its dashboard,
    http://HOST:8265, where a Ray job runs the submit. If the spec plans looks, cells whose verdict
    is open get more seeds, look by look; --look N stops after look N.
    """
    from orchestrator.settings import load_settings, parse_data_paths
    from orchestrator.spec.file import load_spec
    from orchestrator.stores import Stores

    if detach and (smoke or in_process):
        raise UserError("--detach cannot be combined with --smoke or --in-process: leave one out")
    if in_process and address is not None:
        raise UserError("--address cannot be combined with --in-process: leave one out")
    settings, paths = load_settings(), parse_data_paths(data or [])
    experiment = load_spec(spec, overrides or ())  # before imports that take seconds
    if look is not None:
        experiment.at_look(look)  # refuses one that is not planned
    for line in experiment.describe_merged():
        echo(line)
    from orchestrator.execution.cluster.head import choose_address
    from orchestrator.execution.driver import RunTarget
    from orchestrator.execution.handover.detached import hand_over
    from orchestrator.execution.handover.run import run_submit
    from orchestrator.execution.planned_look import choose_look
    from orchestrator.execution.smoke import smoke as smoke_test

    screen = console()
    ray_address = None if in_process else choose_address(address, settings)
    target = RunTarget(settings, paths, ray_address, in_process, is_insecure=insecure)
    if smoke:
        outcomes = smoke_test(experiment, target, screen).values()
        are_fine = all(outcome.state == "FINISHED" for outcome in outcomes)
        raise typer.Exit(ALL_FINISHED if are_fine else TRIAL_FAILED)
    stores = Stores(settings)
    experiment = choose_look(experiment, look, stores)
    is_dashboard = ray_address is not None and ray_address.startswith(("http://", "https://"))
    if detach or is_dashboard:  # by its dashboard, a cluster takes jobs only
        lines = hand_over(experiment, spec, target, stores, pictures, context.obj)
        raise typer.Exit(_follow(lines, experiment.name, stores, is_watched=not detach))
    raise typer.Exit(run_submit(experiment, target, stores, pictures, context.obj, screen))


def _follow(lines: "Sequence[str]", name: str, stores: "Stores", is_watched: bool) -> int:
    """Print who runs an experiment, watch it if that is asked for, and return the exit code."""
    from orchestrator.terminal.overview.following import watch

    for line in lines:
        echo(line)
    if not is_watched:
        return ALL_FINISHED
    exit_code = watch(name, stores.ledger, console())
    return INTERRUPTED if exit_code is None else exit_code


@app.command()
def status(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME",
            help="Name of an experiment (default: all).",
            autocompletion=complete_experiment,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show the state of all experiments, or of the trials of one."""
    from orchestrator.settings import load_settings
    from orchestrator.stores import open_existing_ledger

    settings = load_settings()
    if name is not None:
        from orchestrator.terminal.overview.status import describe_experiment, show_status

        ledger = open_existing_ledger(settings, name)
        if as_json:
            print_json(describe_experiment(name, ledger))
        else:
            show_status(name, ledger, console())
    else:
        from orchestrator.terminal.overview.status import describe_experiments, show_experiments

        ledger_if_any = open_existing_ledger(settings) if settings.has_ledger else None
        if as_json:
            print_json(describe_experiments(ledger_if_any))
        else:
            show_experiments(ledger_if_any, console())


@app.command()
def logs(
    trial: Annotated[
        str,
        typer.Argument(
            metavar="TRIAL",
            help="EXPERIMENT:CELL:SEED (without the seed if the cell has one only), or a trial_id "
            "or the beginning of one.",
            autocompletion=complete_trial,
        ),
    ],
    attempt: Annotated[
        int | None, typer.Option(metavar="N", help="Number of the attempt (default: the newest).")
    ] = None,
    follow: Annotated[
        bool, typer.Option("-f", "--follow", help="Go on until the attempt has ended.")
    ] = False,
) -> None:
    """Print what an attempt at a trial has logged, and the error that ended it."""
    from orchestrator.ledger.trial_names import check_name_or_trial_id, find_trial_id
    from orchestrator.settings import load_settings
    from orchestrator.stores import check_ledger, open_existing_ledger
    from orchestrator.terminal.overview.trial_log import show_log

    settings = load_settings()
    check_ledger(settings)
    check_name_or_trial_id(trial, settings.ledger_url, is_one_trial=True)
    ledger = open_existing_ledger(settings)
    trial_id = find_trial_id(trial, ledger)
    show_log(trial_id, attempt, ledger, settings.storage, echo, follow)


@app.command("import")
def import_directories(
    folders: Annotated[
        list[Path],
        typer.Argument(metavar="DIR", help="Trial directories, or folders that contain them."),
    ],
    spec: Annotated[
        Path | None,
        typer.Option(metavar="SPEC", help="Spec of trial directories that have no trial.json."),
    ] = None,
    pictures: Pictures = True,
) -> None:
    """Add trials that were trained elsewhere to the ledger and MLflow, and write their reports.

    Exits with 1 if a directory was skipped.
    """
    from orchestrator.offline.inventory import find_trial_directories
    from orchestrator.settings import load_settings
    from orchestrator.spec.file import load_spec
    from orchestrator.stores import Stores

    settings, directories = load_settings(), find_trial_directories(folders)
    experiment = None if spec is None else load_spec(spec)  # before imports that take seconds
    from orchestrator.offline.trial_import import import_trials
    from orchestrator.results.report import print_report

    stores, screen = Stores(settings), console()
    result = import_trials(directories, experiment, stores, settings.storage, say=echo)
    for name in result.experiments:
        print_report(name, stores, settings, pictures, screen)
    raise typer.Exit(TRIAL_FAILED if result.skipped_directories else ALL_FINISHED)

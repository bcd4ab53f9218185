"""Commands that plan, run, follow and import experiments."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli.options import (
    ALL_FINISHED,
    TRIAL_FAILED,
    AsJson,
    DataPaths,
    Pictures,
    SpecPath,
)
from orchestrator.cli.output import console, print_json
from orchestrator.terminal.counts import count_of
from vss.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.execution.job import Outcome
    from orchestrator.networks.cost_estimate import CostEstimate
    from orchestrator.networks.power_estimate import PowerEstimate
    from orchestrator.settings import Settings
    from orchestrator.spec.experiment import Experiment

app = typer.Typer()
Look = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="Train the seeds up to planned look N (default: the last one submitted, or 1).",
    ),
]


@app.command()
def plan(
    spec: SpecPath,
    as_json: AsJson = False,
    cost: Annotated[
        bool,
        typer.Option(
            "--cost", help="Show parameters, GFLOPs, training memory and time of each cell."
        ),
    ] = False,
    export: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write trial files for offline machines."),
    ] = None,
    look: Annotated[
        int | None,
        typer.Option(metavar="N", help="List or export only the trials up to planned look N."),
    ] = None,
    power: Annotated[
        bool,
        typer.Option(
            "--power",
            help="Show which differences the design can separate, and how many hours it takes.",
        ),
    ] = False,
    like: Annotated[
        str | None,
        typer.Option(
            metavar="EXPERIMENT",
            help="With --power: the earlier study, or the folder of its report, to take variances "
            "from (default: committed results on the same dataset).",
        ),
    ] = None,
) -> None:
    """Check a spec and list its cells and trials, without starting any."""
    from orchestrator.spec.file import load_spec

    experiment = load_spec(spec)
    if look is not None or (export is not None and experiment.looks):
        experiment = experiment.at_look(look or 1)
    if export is not None:
        _export(experiment, export)
        return
    if like is not None and not power:
        raise UserError(f"--like {like} has no effect without --power: add --power")
    costs = _estimate_cost(experiment) if cost else None
    power_estimate = _estimate_power(experiment, like, spec) if power else None
    if as_json:
        _print_plan_as_json(experiment, costs, power_estimate)
    else:
        _print_plan(experiment, costs, power_estimate)


@app.command()
def submit(
    spec: SpecPath,
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
    smoke: Annotated[
        bool, typer.Option("--smoke", help="Run two steps of each cell and keep nothing.")
    ] = False,
    look: Look = None,
    pictures: Pictures = True,
) -> None:
    """Train the trials that have not finished, measure latency and write the report.

    Ctrl-C stops the trials at their next step; rerun the same command to resume. If the spec
    plans looks, --look N adds the seeds of later looks.
    """
    from orchestrator.execution import driver
    from orchestrator.execution.planned_look import choose_look
    from orchestrator.execution.smoke import smoke as smoke_test
    from orchestrator.settings import load_settings, parse_data_paths
    from orchestrator.spec.file import load_spec
    from orchestrator.stores import Stores

    settings, screen = load_settings(), console()
    experiment = load_spec(spec)
    ray_address = None if in_process else _ray_address(address, settings)
    run_target = driver.RunTarget(settings, parse_data_paths(data or []), ray_address, in_process)
    if smoke:
        raise typer.Exit(_print_smoke(smoke_test(experiment, run_target, screen)))
    stores = Stores(settings)
    experiment = choose_look(experiment, look, stores)
    submission = driver.submit(experiment, run_target, stores, screen)
    from orchestrator.results.report import print_report_of_submit  # takes a second

    print_report_of_submit(experiment.name, stores, settings, pictures, screen)
    raise typer.Exit(submission.exit_code)


@app.command()
def status(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="Name of an experiment (default: all).")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show the state of all experiments, or of the trials of one."""
    from dataclasses import asdict

    from orchestrator.settings import load_settings
    from orchestrator.stores import open_ledger
    from orchestrator.terminal.trial_tables import build_experiment_table, build_trial_table

    ledger = open_ledger(load_settings())
    if name is None:
        experiments = ledger.experiments()
        if as_json:
            entries = [{"experiment": e.name, "trials": e.counts} for e in experiments]
            print_json({"experiments": entries})
        else:
            console().print(build_experiment_table(experiments))
        return
    ledger.experiment(name)
    trials = ledger.trials(name)
    if as_json:
        print_json({"experiment": name, "trials": [asdict(trial) for trial in trials]})
    else:
        console().print(build_trial_table(trials))


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
    from orchestrator.offline.trial_import import import_trials
    from orchestrator.results.report import print_report
    from orchestrator.settings import load_settings
    from orchestrator.stores import Stores

    settings, screen = load_settings(), console()
    stores = Stores(settings)
    result = import_trials(folders, spec, stores, settings.storage, say=typer.echo)
    for name in result.experiments:
        print_report(name, stores, settings, pictures, screen)
    raise typer.Exit(TRIAL_FAILED if result.skipped_directories else ALL_FINISHED)


def _export(experiment: "Experiment", folder: Path) -> None:
    from orchestrator.offline.export import export

    files = export(experiment, folder)
    count = count_of(len(files), "trial file")
    typer.echo(f"{count} in {folder}/trials; copy {folder} and vss/ to the offline machine")
    typer.echo(f"On that machine:        python -m vss trials/{files[0].name} --storage results")
    typer.echo("                        or edit slurm_array.sh, then sbatch slurm_array.sh")
    typer.echo("Then, on this machine:  vss-orch import results")


def _estimate_cost(experiment: "Experiment") -> "Mapping[str, CostEstimate]":
    from orchestrator.networks.cost_estimate import estimate_cost
    from orchestrator.settings import load_settings

    return estimate_cost(experiment, load_settings())


def _estimate_power(experiment: "Experiment", like: str | None, spec: Path) -> "PowerEstimate":
    from orchestrator.networks.power_estimate import estimate_power
    from orchestrator.results.earlier_study import find_earlier_study
    from orchestrator.settings import load_settings

    settings = load_settings()
    earlier_study = find_earlier_study(experiment, like, spec.parent, settings)
    return estimate_power(experiment, earlier_study, settings)


def _print_plan_as_json(
    experiment: "Experiment",
    costs: "Mapping[str, CostEstimate] | None",
    power: "PowerEstimate | None",
) -> None:
    from dataclasses import asdict

    trials = [
        {
            "trial_id": trial.trial_id,
            "cell": trial.cell,
            "seed": trial.config.seed,
            "settings": trial.config.settings(),
        }
        for trial in experiment.trials
    ]
    content: dict[str, Any] = {"experiment": experiment.name, "trials": trials}
    if experiment.looks:
        content["looks"] = list(experiment.looks)
    if costs is not None:
        content["cost"] = {cell: asdict(cost) for cell, cost in costs.items()}
    if power is not None:
        content["power"] = asdict(power)
    print_json(content)


def _print_plan(
    experiment: "Experiment",
    costs: "Mapping[str, CostEstimate] | None",
    power: "PowerEstimate | None",
) -> None:
    for cell in experiment.cells:
        mark = " (baseline)" if cell == experiment.baseline else ""
        typer.echo(f"{cell}{mark}")
        for trial in experiment.trials:
            if trial.cell == cell:
                typer.echo(f"  {trial.trial_id}  seed {trial.config.seed}")
    for number, seeds in enumerate(experiment.looks, start=1):
        typer.echo(f"look {number}: {seeds} seeds, {seeds * len(experiment.cells)} trials")
    trials, cells = len(experiment.trials), len(experiment.cells)
    typer.echo(f"{count_of(trials, 'trial')} in {count_of(cells, 'cell')}")
    if costs is not None:
        from orchestrator.terminal.cost_table import build_cost_table

        console().print(build_cost_table(experiment, costs))
    if power is not None:
        from orchestrator.terminal.power_table import build_power_table

        console().print(build_power_table(power))


def _print_smoke(outcomes: "Mapping[str, Outcome]") -> int:
    """Print the outcome of each cell and return the exit code."""
    for cell, outcome in outcomes.items():
        problem = f"{outcome.state}: {outcome.message or ''}"
        typer.echo(f"{cell}: {'ok' if outcome.state == 'FINISHED' else problem}")
    all_finished = all(outcome.state == "FINISHED" for outcome in outcomes.values())
    return ALL_FINISHED if all_finished else TRIAL_FAILED


def _ray_address(option: str | None, settings: "Settings") -> str | None:
    """Return --address, else RAY_ADDRESS, else the persistent head's address, else None."""
    from orchestrator.execution.cluster import head as ray_head

    if option or settings.ray_address:
        return option or settings.ray_address
    head = ray_head.find_running_head(settings)
    return head.address if head else None

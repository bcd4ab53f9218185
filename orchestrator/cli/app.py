"""Commands: parse, call one function, print."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli import data as cli_data
from orchestrator.cli import networks as cli_model
from orchestrator.cli import offline as cli_offline
from vss.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic.fields import FieldInfo
    from rich.console import Console

    from orchestrator.execution.job import Outcome
    from orchestrator.networks.cost_estimate import Estimate
    from orchestrator.settings import Settings
    from orchestrator.spec.file import Experiment

app = typer.Typer(
    help="Ablation experiments for video semantic segmentation: a YAML file in, a report out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
cli_offline.register(app)
app.add_typer(cli_data.app, name="data")
SpecPath = Annotated[Path, typer.Argument(metavar="SPEC", help="The experiment's YAML file.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
ALL_FINISHED, TRIAL_FAILED, USER_ERROR, INTERRUPTED = 0, 1, 2, 130


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; a user's mistake is one line and exit code 2."""
    try:
        app(arguments)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(USER_ERROR)


@app.command()
def plan(
    spec: SpecPath,
    as_json: AsJson = False,
    cost: Annotated[
        bool, typer.Option("--cost", help="Count or estimate what every cell costs.")
    ] = False,
    export: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write trial files for machines without a network."),
    ] = None,
) -> None:
    """Check a spec and list its cells and trials, without starting any."""
    from dataclasses import asdict

    from orchestrator.spec.file import load_spec

    experiment = load_spec(spec)
    if export is not None:
        _export(experiment, export)
        return
    if as_json:
        trials = [
            {
                "trial_id": trial.config.trial_id,
                "cell": trial.cell,
                "seed": trial.config.seed,
                "settings": trial.config.settings(),
            }
            for trial in experiment.trials
        ]
        listed: dict[str, Any] = {"experiment": experiment.name, "trials": trials}
        if cost:
            listed["cost"] = {cell: asdict(found) for cell, found in _costs(experiment).items()}
        _print_json(listed)
        return
    for cell in experiment.cells:
        mark = " (baseline)" if cell == experiment.baseline else ""
        typer.echo(f"{cell}{mark}")
        for trial in experiment.trials:
            if trial.cell == cell:
                typer.echo(f"  {trial.config.trial_id}  seed {trial.config.seed}")
    typer.echo(f"{len(experiment.trials)} trials in {len(experiment.cells)} cells")
    if cost:
        from orchestrator.terminal.live_view import cost_table

        _console().print(cost_table(experiment, _costs(experiment)))


@app.command()
def submit(
    spec: SpecPath,
    data: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=PATH", help="Where a dataset lies; may be repeated."),
    ] = None,
    address: Annotated[
        str | None, typer.Option(help="Ray cluster (default: RAY_ADDRESS, else one started here).")
    ] = None,
    in_process: Annotated[
        bool, typer.Option("--in-process", help="Without Ray, one trial at a time: for debugging.")
    ] = False,
    smoke: Annotated[
        bool, typer.Option("--smoke", help="Two steps of every cell, thrown away afterwards.")
    ] = False,
    pictures: Annotated[bool, typer.Option(help="Frames of the dataset in the report.")] = True,
) -> None:
    """Train what is not trained yet, measure, and write the report.

    Ctrl-C stops the trials at their next step; the same command goes on with them.
    """
    from orchestrator.execution import driver as driver
    from orchestrator.results.report import print_report
    from orchestrator.settings import data_paths, load_settings
    from orchestrator.spec.file import load_spec

    settings, console = load_settings(), _console()
    experiment = load_spec(spec)
    ray_address = None if in_process else _address(address, settings)
    where = driver.Where(settings, data_paths(data or []), ray_address, in_process)
    if smoke:
        raise typer.Exit(_print_smoke(driver.smoke(experiment, where, console), console))
    done = driver.submit(experiment, where, console)
    print_report(experiment.name, settings, pictures, console)
    raise typer.Exit(done.exit_code)


@app.command()
def status(
    name: Annotated[
        str | None, typer.Argument(help="An experiment; all of them if left out.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show where experiments and their trials stand."""
    from dataclasses import asdict

    from orchestrator.ledger.ledger import Ledger
    from orchestrator.settings import load_settings
    from orchestrator.terminal.live_view import experiment_table, trial_table

    ledger = Ledger(load_settings().ledger_url)
    if name is None:
        experiments = ledger.experiments()
        if as_json:
            listed = [{"experiment": e.name, "trials": e.counts} for e in experiments]
            _print_json({"experiments": listed})
        else:
            _console().print(experiment_table(experiments))
        return
    ledger.experiment(name)
    trials = ledger.trials(name)
    if as_json:
        _print_json({"experiment": name, "trials": [asdict(trial) for trial in trials]})
    else:
        _console().print(trial_table(trials))


@app.command()
def report(
    name: Annotated[str | None, typer.Argument(help="The experiment.")] = None,
    source: Annotated[
        Path | None,
        typer.Option("--from", metavar="DIR", help="Make the report that lies there again."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder (default: VSS_HOME/reports/NAME, or DIR).")
    ] = None,
    pictures: Annotated[bool, typer.Option(help="Frames of the dataset in the report.")] = True,
    sort: Annotated[
        str | None, typer.Option(help="Best first by miou, latency, training-time ...")
    ] = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Again at every news, until all trials have ended.")
    ] = False,
    every: Annotated[float, typer.Option(min=0.1, help="Seconds between two looks.")] = 10.0,
) -> None:
    """Write the report of an experiment from what is tracked so far.

    With --from it is made from another report's files, without ledger or MLflow.
    """
    if (name is None) == (source is None):
        given = "neither" if name is None else f"NAME '{name}' and --from '{source}'"
        raise UserError(f"report takes either NAME or --from DIR, found {given}")
    _check_sort(sort)
    if source is not None:
        if watch:
            raise UserError(
                f"--watch follows an experiment: give NAME instead of --from '{source}'"
            )
        from orchestrator.results.rebuilding import rebuild

        typer.echo(rebuild(source, out or source, pictures, sort))
        return
    assert name is not None  # noqa: S101  # checked above
    _report(name, out, pictures, sort, every if watch else None)


@app.command()
def compare(
    first: Annotated[str, typer.Argument(metavar="A", help="EXPERIMENT:CELL, or EXPERIMENT.")],
    second: Annotated[str, typer.Argument(metavar="B", help="What is set against A.")],
    metric: Annotated[str, typer.Option(help="A metric, as in results.csv.")] = "miou",
) -> None:
    """Compare two cells, or the cells of the same name of two experiments."""
    from orchestrator.results import comparison as comparing
    from orchestrator.settings import load_settings

    pairs = comparing.compare(first, second, load_settings())
    _console().print(comparing.comparison_table(pairs, metric))


@app.command()
def names(as_json: AsJson = False) -> None:
    """List every name that a spec may use: settings, and what they may be set to."""
    from dataclasses import asdict

    from vss import catalog
    from vss.trial_config import TrialConfig

    fields = TrialConfig.model_fields
    if as_json:
        known = {
            name: {"description": field.description, "required": field.is_required()}
            for name, field in fields.items()
        }
        tables = catalog.CHOICES.items()
        choices = {kind: {n: asdict(row) for n, row in t.items()} for kind, t in tables}
        _print_json({"settings": known, **choices})
        return
    typer.secho("settings", bold=True)
    for name, field in fields.items():
        typer.echo(f"  {name:<21} {field.description}{_default(field)}")
    for kind, table in catalog.CHOICES.items():
        typer.secho(kind, bold=True)
        for name, row in table.items():
            typer.echo(f"  {name:<10} {row.source}")
            for option, value in row.options.items():
                typer.echo(f"  {'':<10}   {option} (default {json.dumps(value)})")


@app.command()
def schema() -> None:
    """Print the JSON schema of specs, by which editors complete and check them."""
    from orchestrator.spec.file import json_schema

    _print_json(json_schema())


for command in (cli_model.predict, cli_model.evaluate, cli_model.export, cli_model.import_weights):
    app.command()(command)


@app.command()
def ui(
    name: Annotated[
        str | None, typer.Argument(help="Open at this experiment's runs; at all runs if left out.")
    ] = None,
    port: Annotated[int, typer.Option(help="The first port to try.")] = 5000,
) -> None:
    """Serve the MLflow UI on this machine until Ctrl-C."""
    from orchestrator.ledger.ledger import Ledger
    from orchestrator.settings import load_settings
    from orchestrator.tracking.tracker import Tracker
    from orchestrator.tracking.ui_server import serve

    settings = load_settings()
    if name is not None:
        Ledger(settings.ledger_url).experiment(name)
    page = Tracker(settings.tracking_uri, settings.artifacts).runs_page(name)
    serve(settings.tracking_uri, page, port, say=typer.echo)


@app.command()
def dashboard(
    stop: Annotated[bool, typer.Option("--stop", help="End the head that was started.")] = False,
) -> None:
    """Start a lasting Ray head on this machine; later submits run on it."""
    from orchestrator.execution import ray_head as head
    from orchestrator.settings import command, load_settings

    settings = load_settings()
    if stop:
        ended = head.stop(settings)
        typer.echo("the Ray head has ended" if ended else "no Ray head was running")
        return
    found = head.start(settings)
    typer.echo(f"Ray dashboard: {found.dashboard_url} (submits now run there: {found.address})")
    typer.echo(f"Its token: {command('ray')} get-auth-token")
    typer.echo(f"To end it: {command('vss-orch')} dashboard --stop")


def _export(experiment: "Experiment", folder: Path) -> None:
    from orchestrator.offline.export import export

    files = export(experiment, folder)
    typer.echo(f"{len(files)} trial files in {folder}/trials; copy the folder to the other machine")
    typer.echo(f"There:   python -m vss trials/{files[0].name} --storage results")
    typer.echo("         or look at slurm_array.sh, then sbatch slurm_array.sh")
    typer.echo("Here:    vss-orch import results")


def _check_sort(sort: str | None) -> None:
    from reports.analysis.overview import SORTS
    from vss.suggestions import did_you_mean

    if sort is not None and sort not in SORTS:
        hint = did_you_mean(sort, SORTS)
        raise UserError(f"cannot sort by '{sort}'{hint}; known: {', '.join(SORTS)}")


def _report(
    name: str, out: Path | None, pictures: bool, sort: str | None, every_seconds: float | None
) -> None:
    """Write a report once, or until Ctrl-C or the end of the experiment."""
    from orchestrator.ledger.ledger import Ledger
    from orchestrator.results.report import build
    from orchestrator.results.watching import watch
    from orchestrator.settings import load_settings

    settings = load_settings()
    folder = out or settings.report_folder(name)

    def make() -> Path:
        return build(name, settings, folder, pictures, sort)[1]

    if every_seconds is None:
        typer.echo(make())
        return
    try:
        watch(name, Ledger(settings.ledger_url), make, every_seconds, say=typer.echo)
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None


def _print_smoke(outcomes: "Mapping[str, Outcome]", console: "Console") -> int:
    for cell, outcome in outcomes.items():
        said = "ok" if outcome.state == "FINISHED" else f"{outcome.state}: {outcome.message or ''}"
        console.print(f"{cell}: {said}", markup=False, highlight=False, soft_wrap=True)
    fine = all(outcome.state == "FINISHED" for outcome in outcomes.values())
    return ALL_FINISHED if fine else TRIAL_FAILED


def _address(given: str | None, settings: "Settings") -> str | None:
    """--address, else RAY_ADDRESS, else the lasting head, else none: Ray is started here."""
    from orchestrator.execution import ray_head as lasting

    if given or settings.ray_address:
        return given or settings.ray_address
    head = lasting.running(settings)
    return head.address if head else None


def _costs(experiment: "Experiment") -> "Mapping[str, Estimate]":
    from orchestrator.networks.cost_estimate import estimate
    from orchestrator.settings import load_settings

    return estimate(experiment, load_settings())


def _default(field: "FieldInfo") -> str:
    if field.is_required():
        return " (no default)"
    return "" if field.default is None else f" (default {json.dumps(field.default)})"


def _console() -> "Console":
    from rich.console import Console

    return Console()


def _print_json(content: Any) -> None:
    typer.echo(json.dumps(content, indent=2, default=str))


if __name__ == "__main__":
    main()

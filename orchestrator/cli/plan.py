"""The command that checks a spec and shows what it would run."""

from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli.options import AsJson, DataPaths, Insecure, Overrides, SpecPath
from orchestrator.cli.output import console, echo, print_json
from orchestrator.terminal.completion import complete_experiment
from orchestrator.terminal.counts import count_of
from vss.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from orchestrator.networks.cost_estimate import CostEstimate
    from orchestrator.networks.power_estimate import PowerEstimate
    from orchestrator.spec.experiment import Experiment

app = typer.Typer()

_MOST_LISTED = 100  # trials; longer lists push the tables off the screen, and --json has them


@app.command()
def plan(
    spec: SpecPath,
    overrides: Overrides = None,
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
    address: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Ray cluster on which the trials must fit (default: RAY_ADDRESS, else this "
            "machine).",
        ),
    ] = None,
    insecure: Insecure = False,
    probe: Annotated[
        bool,
        typer.Option(
            "--probe",
            help="Run 5 steps of each cell on this machine, to estimate how long trials take.",
        ),
    ] = False,
    data: DataPaths = None,
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
            autocompletion=complete_experiment,
            help="With --power: the earlier study, or the folder of its report, to take variances "
            "from (default: committed results on the same dataset).",
        ),
    ] = None,
    graph: Annotated[
        bool,
        typer.Option(
            "--graph", help="Print only the graph of teachers and initial weights, for Mermaid."
        ),
    ] = False,
) -> None:
    """Check a spec, and show what differs between its cells, and how long the trials take."""
    from orchestrator.execution.nodes.plan_check import check_experiment
    from orchestrator.spec.file import load_spec

    experiment = load_spec(spec, overrides or ())
    if look is not None or (export is not None and experiment.looks):
        experiment = experiment.at_look(1 if look is None else look)
    check_experiment(experiment)
    if graph:
        _print_graph(experiment)
        return
    if export is not None:
        _export(experiment, export)
        return
    if like is not None and not power:
        raise UserError(f"--like {like} has no effect without --power: add --power")
    if data is not None and not probe:
        raise UserError(f"--data {data[0]} has no effect without --probe: add --probe")
    room = _check_room(experiment, address, insecure)
    seconds = _probe(experiment, data) if probe else _estimate_time(experiment)
    costs = _estimate_cost(experiment) if cost else None
    power_estimate = _estimate_power(experiment, like, spec) if power else None
    if as_json:
        _print_plan_as_json(experiment, spec.parent, seconds, costs, power_estimate)
    else:
        _print_plan(experiment, seconds, costs, power_estimate)
        for path in experiment.paths_outside(spec.parent):
            echo(f"also reads {path}, outside the folder of the spec")
        echo(room)


def _check_room(experiment: "Experiment", address: str | None, is_insecure: bool) -> str:
    """Check that the trials can run, and return a line that says where."""
    from orchestrator.execution.nodes.plan_check import check_here, check_on_cluster
    from orchestrator.settings import load_settings

    address = address or load_settings().ray_address
    if address is None:
        return check_here(experiment)
    return check_on_cluster(experiment, address, is_insecure)


def _print_graph(experiment: "Experiment") -> None:
    from orchestrator.terminal.plans.dependency_graph import draw_mermaid

    for line in draw_mermaid(experiment):
        echo(line)


def _export(experiment: "Experiment", folder: Path) -> None:
    from orchestrator.offline.export import export

    files = export(experiment, folder)
    count = count_of(len(files), "trial file")
    echo(f"{count} in {folder}/trials; copy {folder} and vss/ to the offline machine")
    echo(f"On that machine:        python -m vss trials/{files[0].name} --storage results")
    echo("                        or edit slurm_array.sh, then sbatch slurm_array.sh")
    if experiment.dependencies:
        echo(f"Some need what others train: {folder}/README.txt says in which order to run them")
    echo("Then, on this machine:  vss-orch import results")


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


def _estimate_time(experiment: "Experiment") -> dict[str, float]:
    from orchestrator.networks.time_estimate import estimate_trial_seconds
    from orchestrator.settings import load_settings

    return estimate_trial_seconds(experiment, load_settings())


def _probe(experiment: "Experiment", data: list[str] | None) -> dict[str, float]:
    from orchestrator.settings import load_settings, parse_data_paths

    settings, paths = load_settings(), parse_data_paths(data or [])
    from orchestrator.execution.driver import RunTarget
    from orchestrator.execution.smoke import probe

    return probe(experiment, RunTarget(settings, paths, in_process=True), console())


def _print_plan_as_json(
    experiment: "Experiment",
    folder: Path,
    seconds: "Mapping[str, float]",
    costs: "Mapping[str, CostEstimate] | None",
    power: "PowerEstimate | None",
) -> None:
    from dataclasses import asdict

    from orchestrator.terminal.plans.dependency_graph import list_dependencies
    from orchestrator.terminal.plans.search import describe_searches

    tuned = experiment.tuning.searches if experiment.tuning is not None else ()
    trials = [
        {
            # That of a tuned cell follows from what its search will find.
            "trial_id": None if trial.cell in tuned else trial.trial_id,
            "cell": trial.cell,
            "seed": trial.config.seed,
            "settings": trial.config.settings(),
        }
        for trial in experiment.trials
    ]
    content: dict[str, Any] = {"experiment": experiment.name, "trials": trials}
    if experiment.dependencies:
        content["dependencies"] = list_dependencies(experiment)
    if experiment.merged_cells:
        content["merged_cells"] = dict(experiment.merged_cells)
    if seconds:
        content["trial_seconds"] = dict(seconds)
    if outside := experiment.paths_outside(folder):
        content["files_outside"] = outside
    if experiment.tuning is not None:
        content["search"] = describe_searches(experiment.tuning)
    if experiment.looks:
        content["looks"] = list(experiment.looks)
    if costs is not None:
        content["cost"] = {cell: asdict(cost) for cell, cost in costs.items()}
    if power is not None:
        content["power"] = asdict(power)
    print_json(content)


def _print_plan(
    experiment: "Experiment",
    seconds: "Mapping[str, float]",
    costs: "Mapping[str, CostEstimate] | None",
    power: "PowerEstimate | None",
) -> None:
    from orchestrator.execution.nodes.plan_check import count_slots_here
    from orchestrator.terminal.plans.cell_table import build_plan_table
    from orchestrator.terminal.plans.dependency_graph import draw_tree
    from orchestrator.terminal.plans.search import describe_search
    from orchestrator.terminal.plans.size import describe_count, describe_looks, describe_time

    if len(experiment.cells) > 1:
        console().print(build_plan_table(experiment, seconds))
    for line in experiment.describe_merged():
        echo(line)
    if experiment.dependencies:
        echo("order of training, seed by seed, sources first:")
        for line in draw_tree(experiment):
            echo(f"  {line}")
    if len(experiment.trials) <= _MOST_LISTED:
        echo("\n".join(_list_trials(experiment)))
    else:
        echo(f"{len(experiment.trials)} trials; list their ids with --json")
    echo(describe_time(experiment, seconds, count_slots_here(experiment.resources)))
    for line in (*describe_looks(experiment), *describe_search(experiment)):
        echo(line)
    echo(f"{describe_count(experiment)} in {count_of(len(experiment.cells), 'cell')}")
    if costs is not None:
        from orchestrator.terminal.plans.cost_table import build_cost_table

        console().print(build_cost_table(experiment, costs))
    if power is not None:
        from orchestrator.terminal.plans.power_table import build_growth_table, build_power_table

        console().print(build_power_table(power))
        if power.growth:
            console().print(build_growth_table(power))


def _list_trials(experiment: "Experiment") -> "Iterator[str]":
    from orchestrator.spec.looks import find_look

    tuned = experiment.tuning.searches if experiment.tuning is not None else ()
    for cell, trials in groupby(experiment.trials, key=lambda trial: trial.cell):
        yield f"{cell} (baseline)" if cell == experiment.baseline else cell
        for trial in trials:
            number = find_look(experiment.looks, [trial.config.seed])
            look = f", look {number}" if number > 1 else ""
            trial_id = "(after the search)" if cell in tuned else trial.trial_id
            yield f"  {trial_id}  seed {trial.config.seed}{look}"

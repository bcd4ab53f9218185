"""Commands that report on experiments and compare cells."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.options import INTERRUPTED, AsJson, Pictures
from orchestrator.cli.output import console, echo, print_json
from orchestrator.terminal.completion import complete_cell, complete_experiment
from vss.errors import UserError

if TYPE_CHECKING:
    from orchestrator.results.differences import Difference

app = typer.Typer()


@app.command()
def report(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME", help="Name of the experiment.", autocompletion=complete_experiment
        ),
    ] = None,
    every_experiment: Annotated[
        bool,
        typer.Option("--all", help="Write a page of all experiments, and the reports they lack."),
    ] = False,
    source: Annotated[
        Path | None,
        typer.Option(
            "--from", metavar="DIR", help="Rebuild a report from the files in this folder."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder to write to (default: VSS_HOME/reports/NAME, VSS_HOME/reports with --all, "
            "or the folder of --from).",
        ),
    ] = None,
    pictures: Pictures = True,
    sort: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="Sort rows by this column, best first: miou, latency, training-time, ...",
        ),
    ] = None,
    baseline: Annotated[
        str | None,
        typer.Option(
            metavar="CELL",
            help="With --from and --out: compare with this cell instead of the spec's baseline.",
        ),
    ] = None,
    watch: Annotated[
        bool,
        typer.Option("--watch", help="Rebuild whenever a trial changes, until all have ended."),
    ] = False,
    every: Annotated[
        float, typer.Option(min=0.1, help="With --watch: seconds between checks.")
    ] = 10.0,
) -> None:
    """Write the report of an experiment from the results so far.

    With --from, rebuild a report from its own files, without the ledger or MLflow.
    """
    _check_sort(sort)
    _check_subject(name, source, every_experiment)
    if baseline is not None and source is None:
        raise UserError(
            f"--baseline '{baseline}' needs --from DIR and --out DIR: the report of NAME compares "
            "with the baseline of its spec"
        )
    if name is not None:
        _report(name, out, pictures, sort, every if watch else None)
    elif source is not None:
        if watch:
            raise UserError(
                f"--watch follows an experiment: give NAME instead of --from '{source}'"
            )
        _rebuild(source, out or source, pictures, sort, baseline)
    else:
        _report_all(out, pictures, watch)


@app.command()
def compare(
    first: Annotated[
        str,
        typer.Argument(
            metavar="A",
            help="EXPERIMENT:CELL, or EXPERIMENT for all cells; instead of EXPERIMENT, the folder "
            "of a report.",
            autocompletion=complete_cell,
        ),
    ],
    second: Annotated[
        str,
        typer.Argument(
            metavar="B",
            help="What to compare with A, in the same form.",
            autocompletion=complete_cell,
        ),
    ],
    metric: Annotated[str, typer.Option(help="Metric to compare, as in results.csv.")] = "miou",
    as_json: AsJson = False,
) -> None:
    """Compare two cells, or the cells with the same name in two experiments."""
    from orchestrator.results.report_folder import is_report_folder
    from orchestrator.settings import load_settings
    from orchestrator.stores import Stores, check_ledger, check_tracking

    settings = load_settings()
    experiments = [s for s in (first, second) if not is_report_folder(s.partition(":")[0])]
    if experiments:
        check_ledger(settings, *experiments)
    _check_comparison(first, second, metric)
    if experiments:
        check_tracking(settings)
    from orchestrator.results import comparison
    from orchestrator.terminal.result_tables import build_comparison_table

    pairs = comparison.compare(first, second, Stores(settings), metric)
    if as_json:
        print_json(comparison.build_json(pairs, metric))
        return
    console().print(build_comparison_table(pairs, metric))


def _check_comparison(first: str, second: str, metric: str) -> None:
    """Refuse what cannot be compared, before imports that take seconds."""
    from reports.metrics import METRICS
    from vss.suggestions import require_known

    if first == second:
        raise UserError(f"'{first}' and '{second}' are the same: choose two different cells")
    try:
        require_known("metric", metric, METRICS)
    except ValueError as error:
        raise UserError(str(error)) from None


@app.command("diff")
def show_differences(
    first: Annotated[
        str, typer.Argument(metavar="A", help="A spec, or TRIAL: EXPERIMENT:CELL:SEED or its id.")
    ],
    second: Annotated[str, typer.Argument(metavar="B", help="What to compare with A.")],
    as_json: AsJson = False,
) -> None:
    """Show what differs between two specs, or between two trials.

    Specs differ in cells, settings, seeds and resources; trials also in data, code and versions.
    """
    from dataclasses import asdict

    is_spec = [name.endswith((".yaml", ".yml")) for name in (first, second)]
    if is_spec[0] != is_spec[1]:
        raise UserError(f"give two specs (.yaml) or two trials, not '{first}' and '{second}'")
    differences = _compare_specs(first, second) if is_spec[0] else _compare_trials(first, second)
    if as_json:
        print_json([asdict(difference) for difference in differences])
    elif differences:
        from orchestrator.terminal.difference_table import build_difference_table

        rows = ((row.subject, row.name, row.first, row.second) for row in differences)
        console().print(build_difference_table(rows, first, second))
    else:
        echo("no difference")


def _compare_specs(first: str, second: str) -> "list[Difference]":
    from orchestrator.spec.file import load_spec

    specs = [load_spec(Path(path)) for path in (first, second)]  # before imports that take seconds
    from orchestrator.results.differences import compare_specs

    return compare_specs(*specs)


def _compare_trials(first: str, second: str) -> "list[Difference]":
    from orchestrator.ledger.trial_names import check_name_or_trial_id
    from orchestrator.settings import load_settings
    from orchestrator.stores import Stores, check_ledger, check_tracking

    settings = load_settings()
    check_ledger(settings)
    try:
        for name in (first, second):
            check_name_or_trial_id(name, settings.ledger_url, is_one_trial=True)
    except UserError as error:
        raise UserError(f"{error}; a spec ends in .yaml") from None
    check_tracking(settings)
    from orchestrator.results.differences import compare_trials

    return compare_trials(first, second, Stores(settings))


def _check_subject(name: str | None, source: Path | None, every_experiment: bool) -> None:
    subjects = {
        f"NAME '{name}'": name is not None,
        f"--from '{source}'": source is not None,
        "--all": every_experiment,
    }
    given = [subject for subject, is_given in subjects.items() if is_given]
    if len(given) != 1:
        got = " and ".join(given) or "none"
        raise UserError(f"report takes one of NAME, --all and --from DIR, got {got}")


def _report_all(out: Path | None, pictures: bool, watch: bool) -> None:
    from orchestrator.settings import load_settings
    from orchestrator.stores import Stores, open_existing_ledger

    if watch:
        raise UserError("--watch follows one experiment: give NAME instead of --all")
    settings = load_settings()
    ledger = open_existing_ledger(settings)
    from orchestrator.results.index import INDEX, build_index
    from orchestrator.results.report import build
    from orchestrator.results.report_folder import check_index_target

    if out is not None:
        check_index_target(out / INDEX)
    stores = Stores(settings)

    def build_report(name: str) -> None:
        build(name, stores, settings, settings.report_folder(name), pictures)

    echo(build_index(ledger, settings, out or settings.reports, build_report))


def _check_sort(sort: str | None) -> None:
    if sort is None:
        return
    from reports.text.table.columns import orders
    from vss.suggestions import did_you_mean

    if sort not in orders():
        hint = did_you_mean(sort, orders())
        raise UserError(f"cannot sort by '{sort}' (choose from {', '.join(orders())}){hint}")


def _report(
    name: str, out: Path | None, pictures: bool, sort: str | None, every_seconds: float | None
) -> None:
    """Write a report once, or keep it up to date until Ctrl-C or the end of the experiment."""
    from orchestrator.settings import load_settings
    from orchestrator.stores import Stores, check_tracking, open_existing_ledger

    settings = load_settings()
    open_existing_ledger(settings, name)
    check_tracking(settings)
    from orchestrator.results.report import build, watch
    from orchestrator.results.report_folder import check_target

    stores, folder = Stores(settings), out or settings.report_folder(name)
    if out is not None:
        check_target(out, name)

    def write() -> Path:
        return build(name, stores, settings, folder, pictures, sort)[1]

    if every_seconds is None:
        echo(write())
        return
    try:
        watch(name, stores.ledger, write, every_seconds, say=echo)
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None


def _rebuild(
    source: Path, out: Path, pictures: bool, sort: str | None, baseline: str | None
) -> None:
    if not source.is_dir():
        raise UserError(f"no folder {source}: --from takes the folder of a report")
    from reports.formats.files import RESULTS

    if not (source / RESULTS).exists():
        raise UserError(f"no {RESULTS} in {source}: give the folder of a complete report")
    from orchestrator.results.report import rebuild

    echo(rebuild(source, out, pictures, sort, baseline))

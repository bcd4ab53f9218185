"""A study from Python: submit a spec, then read its results as pandas tables.

    from orchestrator.study import read_cells, read_trials, submit

    name = submit("experiments/quickstart.yaml")
    print(read_cells(name)[["cell", "score", "mean", "low", "high", "verdict"]])

The environment variables of the command line decide where everything is stored. Libraries that
take seconds to import are imported when a function is called.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.settings import load_settings, parse_data_paths
from orchestrator.spec.file import load_spec
from orchestrator.stores import Stores, open_existing_ledger
from vss.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

    from reports.records import ExperimentRecord


def submit(
    spec: Path | str,
    overrides: Sequence[str] = (),
    data: Mapping[str, Path | str] | None = None,
    address: str | None = None,
    in_process: bool = False,
) -> str:
    """Train the trials of a spec that have not finished, measure latency and write the report.

    Progress is printed on stdout. As on the command line, Ctrl-C stops the trials at their next
    step, and another call resumes them.

    Args:
        spec: the YAML file.
        overrides: changes to the spec, such as "steps=50".
        data: dataset -> its folder.
        address: HOST:PORT of a Ray cluster; by default RAY_ADDRESS, else the head that `vss-orch
            dashboard` has started, else a Ray instance of its own.
        in_process: run one trial at a time in this process, without Ray.

    Returns:
        the name of the experiment. Trials that failed are in `read_trials`.

    Raises:
        UserError: if something is wrong with the spec, the data or the cluster, or if the
            experiment was interrupted or cancelled.
    """
    from orchestrator.execution.cluster.head import choose_address
    from orchestrator.execution.driver import RunTarget
    from orchestrator.execution.driver import submit as submit_experiment
    from orchestrator.execution.planned_look import choose_look
    from orchestrator.results.report import print_report_of_submit
    from orchestrator.terminal.plain.console import PlainConsole

    settings = load_settings()
    paths = parse_data_paths([f"{name}={path}" for name, path in (data or {}).items()])
    experiment = load_spec(Path(spec), overrides)
    ray_address = None if in_process else choose_address(address, settings)
    target = RunTarget(settings, paths, ray_address, in_process)
    stores, console = Stores(settings), PlainConsole()
    experiment = choose_look(experiment, None, stores)
    submission = submit_experiment(
        experiment,
        target,
        stores,
        console,
        lambda: print_report_of_submit(experiment.name, stores, settings, True, console),
    )
    if submission.is_unfinished:
        raise UserError(f"'{experiment.name}' did not end: call submit again to go on with it")
    return experiment.name


def read_trials(name: str) -> "pd.DataFrame":
    """Read the trials of an experiment: state, settings that vary, scores, costs, environment.

    Args:
        name: the experiment.

    Returns:
        one row per trial, as in `results.csv` of the report.

    Raises:
        UserError: if there is no such experiment, or its stores cannot be reached.
    """
    from reports.analysis.overview import build_trial_table

    return build_trial_table(_read(name))


def read_cells(name: str, metric: str = "miou", margin: float | None = None) -> "pd.DataFrame":
    """Read the cells of an experiment, judged against its baseline.

    Args:
        name: the experiment.
        metric: the score to compare.
        margin: the difference in points that does not matter; None for the spec's own, if any.

    Returns:
        one row per cell; the columns are the attributes of `VerdictRow` in
        `reports.analysis.verdict_rows`, so scores and differences are fractions.

    Raises:
        UserError: if there is no such experiment, or its stores cannot be reached.
        ValueError: if no finished trial has the metric, or the margin is not above 0.
    """
    import pandas as pd

    from reports import verdicts

    record = _read(name, compared=True)
    return pd.DataFrame([asdict(row) for row in verdicts(record, metric, margin)])


def _read(name: str, compared: bool = False) -> "ExperimentRecord":
    """Read an experiment, with or without the cells that only train weights for others."""
    from orchestrator.results.records import read_record
    from orchestrator.results.source_cells import leave_out_sources

    settings = load_settings()
    ledger = open_existing_ledger(settings, name)
    trials = ledger.trials(name)
    record = read_record(ledger.experiment(name), trials, Stores(settings).tracker)
    return leave_out_sources(record, trials) if compared else record

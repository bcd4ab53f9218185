"""The report of an experiment on disk: build it, keep it up to date, or rebuild it.

Rebuilding a report needs only its own files, so this module does not import the stores' libraries.
"""

import shlex
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

from rich.console import Console
from rich.style import Style
from rich.text import Text

from orchestrator.ledger.entries import State, TrialStatus
from orchestrator.results.anonymisation import anonymise
from orchestrator.results.report_folder import check_target, read_name
from orchestrator.results.report_state import report_state
from orchestrator.settings import Settings, command, make_folder
from orchestrator.stores import Stores
from orchestrator.terminal.result_tables import build_result_table
from orchestrator.terminal.trial_tables import count_by_state
from reports import report
from reports.formats import results_json
from reports.formats.files import ReportError
from reports.records import ExperimentRecord
from vss.errors import UserError
from vss.untrusted.limited_file import name_of
from vss.untrusted.messages import one_line

if TYPE_CHECKING:
    from orchestrator.ledger.ledger import Ledger

_ACTIVE_STATES = (State.PENDING, State.RUNNING)


def build(
    name: str,
    stores: Stores,
    settings: Settings,
    out: Path,
    pictures: bool,
    sort: str | None = None,
) -> tuple[ExperimentRecord, Path]:
    """Build the report of an experiment and attach it to its parent run in MLflow.

    Args:
        name: the experiment.
        stores: the stores of the experiment.
        settings: folders and addresses to leave out of the report.
        out: the folder to write to.
        pictures: whether to show frames of the dataset.
        sort: the column to sort the main table by; None keeps the order of the spec.

    Returns:
        the record that the report shows, and the path of report.md.

    Raises:
        UserError: if there is no such experiment, MLflow lacks its run, or the folder cannot be
            created.
    """
    from orchestrator.results.records import read_record
    from orchestrator.results.source_cells import leave_out_sources
    from orchestrator.results.study_numbers import build_study_numbers, share_view
    from orchestrator.tracking.pages import report_page
    from orchestrator.tracking.store import pause_garbage_collection

    experiment, trials = stores.ledger.experiment(name), stores.ledger.trials(name)
    with pause_garbage_collection():
        samples = _read_samples(stores, name)
        record = read_record(experiment, trials, stores.tracker, pictures, samples)
        record = anonymise(leave_out_sources(record, trials), settings)
        path = report.build_report(record, make_folder(out), pictures, sort)
    stores.ledger.set_report_state(name, None)
    if experiment.run_id is not None:
        stores.tracker.log_report(experiment.run_id, out)
        page = report_page(stores.tracker.experiment_id, experiment.run_id)
        stores.tracker.log_study(experiment.run_id, build_study_numbers(record, page))
        share_view(name, trials, stores.tracker)
    return record, path


def print_report(
    name: str, stores: Stores, settings: Settings, pictures: bool, console: Console
) -> None:
    """Build the report of an experiment; print its table, its path and the command for the UI."""
    record, path = build(name, stores, settings, settings.report_folder(name), pictures)
    _print(record, path, console)


def print_report_of_submit(
    name: str, stores: Stores, settings: Settings, pictures: bool, console: Console
) -> None:
    """Print the report of an experiment, which is built only if an earlier submit's is outdated."""
    ledger, folder = stores.ledger, settings.report_folder(name)
    experiment, trials = ledger.experiment(name), ledger.trials(name)
    state = report_state(experiment, trials, pictures)
    if state is not None and state == experiment.report_state:
        with suppress(ReportError):  # a file was deleted or damaged
            _print(results_json.load(folder), folder / "report.md", console)
            return
    print_report(name, stores, settings, pictures, console)
    ledger.set_report_state(name, state)


def _print(record: ExperimentRecord, path: Path, console: Console) -> None:
    console.print(build_result_table(record))
    page, program = path.with_suffix(".html"), command("vss-orch")
    lines = [
        Text("report:    ").append(str(page), Style(link=page.resolve().as_uri())),
        Text(f"MLflow UI: {program} ui {record.name}"),
        *(Text(f"next:      {program} {step}") for step in _suggest_next(record)),
    ]
    for line in lines:
        console.print(line, soft_wrap=True, highlight=False)


def _suggest_next(record: ExperimentRecord) -> list[str]:
    """Return commands that go on from a finished experiment: its best cell against the baseline,
    and a video through it."""
    scores: dict[str, list[float]] = {}
    for run in record.finished:
        scores.setdefault(run.cell, []).append(run.metrics["miou"])
    if not scores:
        return []
    best = max(scores, key=lambda cell: fmean(scores[cell]))
    seed = next(run.seed for run in record.finished if run.cell == best)
    network = shlex.quote(f"{record.name}:{best}:{seed}")
    steps = [f"predict {network} VIDEO --out predicted.mp4"]
    if record.baseline in scores and best != record.baseline:
        pair = (f"{record.name}:{cell}" for cell in (record.baseline, best))
        steps.insert(0, f"compare {' '.join(map(shlex.quote, pair))}")
    return steps


def watch(
    name: str,
    ledger: "Ledger",
    build_report: Callable[[], Path],
    every_seconds: float,
    say: Callable[[str], None],
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Build a report whenever a trial changes, until none is left and no driver adds any.

    Args:
        name: the experiment.
        ledger: the ledger that the experiment is in.
        build_report: a function that builds the report as of now and returns the path of report.md.
        every_seconds: the time between polls of the ledger.
        say: a function that prints a line; it is called once per report.
        sleep: a function that waits between polls; tests replace it.

    Raises:
        UserError: if there is no such experiment.
    """
    ledger.experiment(name)
    last_fingerprint: object = None
    while True:
        trials = ledger.trials(name)
        if (fingerprint := _fingerprint(trials)) != last_fingerprint:
            say(f"{count_by_state(trials) or 'no trials'}: {build_report()}")
            last_fingerprint = fingerprint
        # A driver may add trials when all have ended, as the looks of the experiment decide.
        is_active = any(trial.state in _ACTIVE_STATES for trial in trials)
        if not is_active and ledger.lease(name) is None:
            return
        sleep(every_seconds)


def rebuild(
    folder: Path,
    out: Path,
    pictures: bool,
    sort: str | None = None,
    baseline: str | None = None,
) -> Path:
    """Rebuild a report from the files in its folder, if requested against another baseline.

    Returns:
        the path of report.md.

    Raises:
        UserError: if a file is missing or damaged, there is no such cell, or the new report cannot
            be written.
    """
    if not folder.is_dir():
        raise UserError(f"no folder {folder}: --from takes the folder of a report")
    is_elsewhere = not (out.exists() and out.samefile(folder))
    if (is_elsewhere or baseline is not None) and (name := read_name(folder)):
        check_target(out, name, baseline)
    try:
        return report.rebuild(folder, out, pictures, sort, baseline)
    except ReportError as error:
        raise UserError(one_line(str(error))) from None
    except OSError as error:
        raise UserError(
            f"cannot write {error.filename}: {error.strerror}; choose a different folder with --out"
        ) from None
    except Exception as error:  # numbers from elsewhere can be odd in more ways than we can list
        reason = one_line(f"{type(error).__name__}: {error}", 120)
        raise UserError(f"cannot write a report on {name_of(folder)}: {reason}") from error


def _read_samples(stores: Stores, name: str) -> list[TrialStatus]:
    """Return the trials of an experiment's searches."""
    trials = stores.ledger.trials(name, with_samples=True)
    return [trial for trial in trials if trial.sample is not None]


def _fingerprint(trials: Sequence[TrialStatus]) -> object:
    """Return a value that changes whenever a trial changes."""
    return [(t.trial_id, t.cell, t.state, t.attempts, t.step, t.heartbeat_at) for t in trials]

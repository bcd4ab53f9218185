"""The folder of a report, as an experiment that needs neither the ledger nor MLflow."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from reports.formats.files import RESULTS, ReportError, read_file
from vss.errors import UserError
from vss.untrusted.messages import one_line

if TYPE_CHECKING:
    from reports.records import ExperimentRecord


def is_report_folder(name: str) -> bool:
    """Return whether a name is the folder of a report, with the results that it shows."""
    return (Path(name) / RESULTS).is_file()


def check_target(folder: Path, experiment: str, baseline: str | None = None) -> None:
    """Check that a report may be written into a folder, whose figures and pictures it replaces.

    Args:
        folder: the folder; need not exist.
        experiment: the experiment of the new report.
        baseline: the baseline that an earlier report must have too; None allows any.

    Raises:
        UserError: if the folder has files, and they are not an earlier report of the experiment.
    """
    try:
        if not any(folder.iterdir()):
            return
    except OSError:
        return  # it is new, or writing fails with a message of its own
    name, earlier_baseline = _read_subject(folder)
    if name != experiment:
        held = f"the report of '{name}'" if name else "files that are not a report"
    elif baseline not in (None, earlier_baseline):
        held = f"the report against '{earlier_baseline}'"
    else:
        return
    raise UserError(
        f"{folder.resolve()} holds {held}, which a report of '{experiment}' would replace: give "
        "another folder with --out"
    )


def check_index_target(path: Path) -> None:
    """Check that the page of all experiments may be written.

    Raises:
        UserError: if there is a file that is not an earlier one.
    """
    from reports.formats.index_page import is_index  # takes a third of a second

    if path.is_file() and not is_index(path):
        raise UserError(
            f"{path.resolve()} is not a page of experiments, but report --all would replace it: "
            "give another folder with --out"
        )


def read_name(folder: Path) -> str:
    """Return the name of the experiment that a report shows; "" if it cannot be read."""
    return _read_subject(folder)[0]


def _read_subject(folder: Path) -> tuple[str, str]:
    """Return the name and the baseline of a report's experiment without reading its numbers."""
    path = folder / RESULTS

    def read() -> tuple[str, str]:
        experiment = json.loads(path.read_text("utf-8"))["experiment"]
        return one_line(str(experiment["name"])), one_line(str(experiment["baseline"]))

    try:
        return read_file(path, read)
    except ReportError:
        return "", ""


def load_report_folder(folder: Path) -> "ExperimentRecord":
    """Return the experiment that a report shows.

    Raises:
        UserError: if its files are missing or damaged.
    """
    from reports.formats import results_json  # takes a second

    try:
        return results_json.load(folder)
    except ReportError as error:
        raise UserError(one_line(str(error))) from None

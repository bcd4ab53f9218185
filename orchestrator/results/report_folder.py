"""The folder of a report, as an experiment that needs neither the ledger nor MLflow."""

from pathlib import Path
from typing import TYPE_CHECKING

from reports.formats.files import RESULTS, ReportError
from vss.errors import UserError
from vss.untrusted.messages import one_line

if TYPE_CHECKING:
    from reports.records import ExperimentRecord


def is_report_folder(name: str) -> bool:
    """Return whether a name is the folder of a report, with the results that it shows."""
    return (Path(name) / RESULTS).is_file()


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

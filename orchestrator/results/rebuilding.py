"""From a report on disk to the same report again, without ledger, MLflow or PyTorch."""

from pathlib import Path

from orchestrator.settings import make_folder
from reports import report
from reports.formats.arrays import ReportError
from vss.errors import UserError


def rebuild(folder: Path, out: Path, pictures: bool, sort: str | None = None) -> Path:
    """Make a report again from what it left in a folder.

    Returns:
        the path of report.md.

    Raises:
        UserError: if a file is missing or damaged, or the new report cannot be written.
    """
    if not folder.is_dir():
        raise UserError(f"no folder {folder}; --from takes the folder of a report")
    try:
        return report.rebuild(folder, make_folder(out), pictures, sort)
    except ReportError as error:
        raise UserError(str(error)) from None
    except OSError as error:
        raise UserError(
            f"cannot write {error.filename}: {error.strerror}; give another folder with --out"
        ) from None

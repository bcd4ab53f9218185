"""Where things are: read once from the environment, defaults under VSS_HOME."""

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vss import catalog
from vss.errors import UserError
from vss.suggestions import require_known


@dataclass(frozen=True)
class Settings:
    """Addresses and folders.

    Attributes:
        home: everything of the embedded default lives here (VSS_HOME, default ./runs).
        ledger_url: SQLAlchemy address of the ledger (VSS_LEDGER_URL).
        tracking_uri: of MLflow (MLFLOW_TRACKING_URI).
        storage: folder of the trial directories, seen by all workers (VSS_STORAGE).
        data: folder with one folder per dataset (VSS_DATA), or None.
        ray_address: of a running cluster (RAY_ADDRESS), or None.
    """

    home: Path
    ledger_url: str
    tracking_uri: str
    storage: Path
    data: Path | None
    ray_address: str | None

    @property
    def has_ledger(self) -> bool:
        """Whether there may be a ledger: asking must not make one."""
        path = self.ledger_url.removeprefix("sqlite:///")
        return path == self.ledger_url or Path(path).exists()

    @property
    def cache(self) -> Path:
        """Decoded frames; local to a machine, may be deleted at any time."""
        return self.home / "cache"

    @property
    def artifacts(self) -> Path:
        """MLflow's files, while its store is a local database."""
        return self.home / "artifacts"

    def report_folder(self, experiment: str) -> Path:
        """Where the report of an experiment is built."""
        return self.home / "reports" / experiment


def load_settings() -> Settings:
    """Read the environment."""
    home = _folder("VSS_HOME", Path("runs"))
    data = os.environ.get("VSS_DATA")
    return Settings(
        home=home,
        ledger_url=os.environ.get("VSS_LEDGER_URL") or f"sqlite:///{home / 'ledger.db'}",
        tracking_uri=os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{home / 'mlflow.db'}",
        storage=_folder("VSS_STORAGE", home / "trials"),
        data=Path(data).expanduser().resolve() if data else None,
        ray_address=os.environ.get("RAY_ADDRESS") or None,
    )


def data_paths(given: Sequence[str]) -> dict[str, Path]:
    """Read `--data NAME=PATH` options.

    Raises:
        UserError: if one is not of this form, or names no dataset.
    """
    paths = {}
    for item in given:
        name, sign, path = item.partition("=")
        if not sign or not path:
            raise UserError(f"--data '{item}' is not NAME=PATH, for example camvid=/data/camvid")
        try:
            require_known("dataset", name, catalog.DATASETS)
        except ValueError as error:
            raise UserError(f"--data '{item}': {error}") from None
        paths[name] = Path(path).expanduser()
    return paths


def data_path(dataset: str, given: Mapping[str, Path], settings: Settings) -> Path | None:
    """Where a dataset lies on disk; None if it needs no place.

    Args:
        dataset: its name in the catalog.
        given: NAME -> PATH from the command line.
        settings: their `data` is the second place to look.

    Raises:
        UserError: if the place is not known or no folder.
    """
    if not catalog.DATASETS[dataset].needs_path:
        if dataset in given:
            raise UserError(f"--data {dataset}={given[dataset]}: dataset '{dataset}' takes no path")
        return None
    if dataset in given:
        path, said = given[dataset], f"--data {dataset}={given[dataset]}"
    elif settings.data is not None:
        path = settings.data / dataset
        said = f"VSS_DATA={settings.data}"
    else:
        raise UserError(
            f"dataset '{dataset}' needs a folder: give --data {dataset}=PATH, "
            "or set VSS_DATA to a folder that holds one folder per dataset"
        )
    if not path.is_dir():
        raise UserError(f"no folder {path} for dataset '{dataset}' (from {said})")
    return path.resolve()


def make_folder(path: Path) -> Path:
    """Make a folder that may be there already.

    Raises:
        UserError: if that cannot be.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"cannot make folder {path}: {error.strerror}; check VSS_HOME, VSS_STORAGE or --out"
        ) from None
    return path


def command(program: str) -> str:
    """How a user calls an installed program: by name, or by path if its folder is not in PATH."""
    here = Path(sys.executable).parent / program
    found = shutil.which(program)
    if not here.exists() or (found and Path(found).samefile(here)):
        return program
    return os.path.relpath(here) if here.is_relative_to(Path.cwd()) else str(here)


def _folder(variable: str, default: Path) -> Path:
    return Path(os.environ.get(variable) or default).expanduser().resolve()

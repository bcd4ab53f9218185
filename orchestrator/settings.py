"""The addresses and folders of an installation, read from the environment."""

import math
import os
import re
import shutil
import stat
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.remote_storage import check_address
from orchestrator.secrecy.addresses import read_address, take_login_of_server
from orchestrator.secrecy.known_values import token_file
from orchestrator.secrecy.secret_files import require_private
from orchestrator.sqlite_address import sqlite_address, sqlite_path
from orchestrator.storage import Storage
from vss import catalog
from vss.errors import UserError
from vss.suggestions import require_known

_ONE_SLASH = re.compile(r"(?:s3a?|gcs|gs|az|abfs|file):(?!//)", re.IGNORECASE)
# Variable that names a file -> variable that is read in its place. A password in an address
# would end up in messages and in the arguments of jobs.
_PASSWORD_FILES = {
    "VSS_LEDGER_PASSWORD_FILE": "PGPASSWORD",
    "MLFLOW_TRACKING_PASSWORD_FILE": "MLFLOW_TRACKING_PASSWORD",
    "VSS_NOTIFY_FILE": "VSS_NOTIFY",
}


@dataclass(frozen=True)
class Settings:
    """The addresses and folders of this installation.

    Attributes:
        home: the default folder for all data (VSS_HOME, default ./runs).
        ledger_url: SQLAlchemy address of the ledger (VSS_LEDGER_URL).
        tracking_uri: address of MLflow (MLFLOW_TRACKING_URI); that of a server has no login, which
            is in the variables that MLflow's client reads.
        storage: the storage of the trial directories, which all workers reach (VSS_STORAGE).
        data: the folder that contains one folder per dataset (VSS_DATA), or None.
        ray_address: the address of a running Ray cluster (RAY_ADDRESS), or None.
        cache: this machine's folder of decoded frames and downloads, safe to delete when no trial
            runs (VSS_CACHE).
        notify: addresses that are told what happens to experiments (VSS_NOTIFY), or None.
    """

    home: Path
    ledger_url: str
    tracking_uri: str
    storage: Storage
    data: Path | None
    ray_address: str | None
    cache: Path
    notify: str | None = None

    @property
    def has_ledger(self) -> bool:
        """Whether a ledger may exist; opening a missing one would create it."""
        path = sqlite_path(self.ledger_url)
        return path is None or path.exists()

    @property
    def artifacts(self) -> Path:
        """The folder of MLflow's files if its store is a local database."""
        return self.home / "artifacts"

    @property
    def orders(self) -> Path:
        """The folder of what waits for detached submits on this machine to start."""
        return self.home / "detached"

    def report_folder(self, experiment: str) -> Path:
        """Return the folder of an experiment's report."""
        return self.reports / experiment

    @property
    def reports(self) -> Path:
        """The folder of all reports."""
        return self.home / "reports"


def load_settings() -> Settings:
    """Read the settings from the environment, and the passwords from their files.

    Raises:
        UserError: if a variable has a value that cannot be right, or a file with a secret cannot be
            read, or can be read by others.
    """
    read_password_files()
    if os.environ.get("RAY_AUTH_TOKEN_PATH"):  # the default file is closed to others when used
        require_private("RAY_AUTH_TOKEN_PATH", token_file())
    if limit := os.environ.get("VSS_CACHE_GB"):
        _parse_limit(limit)  # workers read it: an error would fail every trial
    home = _folder("VSS_HOME", Path("runs"))
    return Settings(
        home=home,
        ledger_url=os.environ.get("VSS_LEDGER_URL") or sqlite_address(home / "ledger.db"),
        tracking_uri=_tracking_uri() or sqlite_address(home / "mlflow.db"),
        storage=_storage(home / "trials"),
        data=data_folder(),
        ray_address=read_address("RAY_ADDRESS", "set RAY_AUTH_TOKEN_PATH to a token's file")
        or None,
        cache=cache_folder(),
        notify=os.environ.get("VSS_NOTIFY") or None,
    )


def read_password_files() -> None:
    """Put the passwords of the ledger and of MLflow where their clients look for them.

    Raises:
        UserError: if a variable names a file that cannot be read, is empty, or can be read by
            others.
    """
    for variable, target in _PASSWORD_FILES.items():
        path = os.environ.get(variable)
        if not path:
            continue
        try:
            require_private(variable, Path(path).expanduser())
            password = Path(path).expanduser().read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not text"
            raise UserError(
                f"{variable}={path} cannot be read: {reason}; name a file that holds the password"
            ) from None
        if not password:
            raise UserError(f"{variable}={path} is empty; write the password into it")
        os.environ[target] = password


def variables_of_password_files() -> set[str]:
    """Return the variables that name password files, and those that hold what is in them."""
    named = {variable for variable in _PASSWORD_FILES if os.environ.get(variable)}
    return named | {_PASSWORD_FILES[variable] for variable in named}


def data_folder() -> Path | None:
    """Return VSS_DATA of this machine, the folder that contains one folder per dataset."""
    return _folder("VSS_DATA", Path()) if os.environ.get("VSS_DATA") else None


def cache_folder() -> Path:
    """Return VSS_CACHE of this machine; by default in its temporary folder, as a home may be on the
    network.

    Raises:
        UserError: if another user has made the default folder, or a link in its place: frames and
            weights of theirs would be taken for ours.
    """
    default = Path(tempfile.gettempdir()) / f"vss-orch-{os.getuid()}"
    if not os.environ.get("VSS_CACHE") and os.path.lexists(default):  # a link, too
        status = default.lstat()
        if status.st_uid != os.getuid() or not stat.S_ISDIR(status.st_mode):
            raise UserError(
                f"{default} is not a folder of yours: remove it, or set VSS_CACHE to one that is"
            )
    return _folder("VSS_CACHE", default)


def state_folder() -> Path:
    """Return the folder of what concerns all homes of this user (XDG_STATE_HOME)."""
    states = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")  # noqa: PTH111  # fails without a home, this does not
    return Path(states) / "vss-orch"


def cache_limit_gb() -> float:
    """Return VSS_CACHE_GB of this machine, the limit of decoded frames; by default half the disk.

    Raises:
        UserError: if it is not a positive number.
    """
    text = os.environ.get("VSS_CACHE_GB")
    if text:
        return _parse_limit(text)
    return shutil.disk_usage(make_folder(cache_folder())).total / 2 / 2**30


def _parse_limit(text: str) -> float:
    try:
        limit = float(text)
    except ValueError:
        limit = math.nan
    if not 0 < limit < math.inf:
        raise UserError(f"VSS_CACHE_GB={text}: write a positive number of GiB, such as 200")
    return limit


def parse_data_paths(options: Sequence[str]) -> dict[str, Path]:
    """Parse `--data NAME=PATH` options.

    Raises:
        UserError: if an option has a different form, or names an unknown dataset.
    """
    paths = {}
    for option in options:
        name, _, path = option.partition("=")
        if not path:
            raise UserError(f"--data '{option}': write NAME=PATH, for example camvid=/data/camvid")
        try:
            require_known("dataset", name, catalog.DATASETS)
        except ValueError as error:
            raise UserError(f"--data '{option}': {error}") from None
        paths[name] = Path(path).expanduser()
    return paths


def find_data(dataset: str, paths: Mapping[str, Path], settings: Settings) -> Path | None:
    """Return the folder of a dataset, or None if it needs none.

    Args:
        dataset: name of the dataset in the catalog.
        paths: dataset -> path, from the command line.
        settings: the settings; `settings.data` may contain a dataset that is not in `paths`.

    Raises:
        UserError: if the dataset is in neither, or its path is not a folder.
    """
    if not catalog.DATASETS[dataset].needs_path:
        if dataset in paths:
            raise UserError(f"--data {dataset}={paths[dataset]}: dataset '{dataset}' takes no path")
        return None
    if dataset in paths:
        path, origin = paths[dataset], f"--data {dataset}={paths[dataset]}"
    elif settings.data is not None:
        path, origin = settings.data / dataset, f"VSS_DATA={settings.data}"
    else:
        raise UserError(
            f"dataset '{dataset}' needs a folder: add --data {dataset}=PATH, "
            "or set VSS_DATA to a folder that contains one folder per dataset"
        )
    if not path.is_dir():
        raise UserError(f"no folder {path} for dataset '{dataset}' (from {origin})")
    return path.resolve()


def make_folder(path: Path) -> Path:
    """Create a folder unless it exists, and return it.

    Raises:
        UserError: if it cannot be created.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"cannot create folder {path}: {error.strerror}; "
            "check VSS_HOME, VSS_STORAGE, VSS_CACHE or --out"
        ) from None
    return path


def command(program: str) -> str:
    """Return the command that starts an installed program: its name if on PATH, else its path."""
    file, on_path = Path(sys.executable).parent.resolve() / program, shutil.which(program)
    if not file.exists() or (on_path and Path(on_path).samefile(file)):
        return program
    return os.path.relpath(file) if file.is_relative_to(Path.cwd()) else str(file)


def _tracking_uri() -> str:
    address = os.environ.get("MLFLOW_TRACKING_URI", "")
    if (bare := take_login_of_server(address)) != address:
        os.environ["MLFLOW_TRACKING_URI"] = bare  # what workers inherit
    return bare


def _storage(default: Path) -> Storage:
    remedy = "set the variables of its service, such as AWS_SECRET_ACCESS_KEY"
    address = read_address("VSS_STORAGE", remedy)
    if "://" not in address:
        if _ONE_SLASH.match(address):
            raise UserError(f"VSS_STORAGE={address}: write s3://bucket/prefix, with two slashes")
        return Storage(str(_folder("VSS_STORAGE", default)))
    check_address(address)
    return Storage(address.rstrip("/"))


def is_verbose() -> bool:
    """Return whether the output of Ray and MLflow may reach the terminal (VSS_VERBOSE=1)."""
    return os.environ.get("VSS_VERBOSE") == "1"


def _folder(variable: str, default: Path) -> Path:
    path = Path(os.environ.get(variable) or default)
    try:
        return path.expanduser().resolve()
    except RuntimeError as error:  # no such user, or links in a circle
        reason = str(error).rstrip(".")
        raise UserError(f"{variable}={path}: {reason}; name another folder") from None
    except FileNotFoundError:
        raise UserError(
            f"the current folder no longer exists: go to another one, or set {variable} to an "
            "absolute path"
        ) from None

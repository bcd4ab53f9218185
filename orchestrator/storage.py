"""The storage of trial directories: a folder, or any place that fsspec can reach, such as S3.

In a folder, `TRIAL/` is the trial directory itself. Elsewhere no file is ever shared by two
attempts: each writes to `TRIAL/ATTEMPT/`, so that one that has been given up cannot overwrite what
a newer one has stored. Readers take the newest attempt that has a result.
"""

import re
import shutil
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from orchestrator.remote_storage import reach
from vss.errors import UserError

WEIGHTS = "weights.safetensors"
RESULT = "result.json"  # written last: an attempt that has it is complete
_SHARED = "files"  # subfolder of the files that trials refer to by their digest
_TRIAL_ID = re.compile("[0-9a-f]{12}")
_FILES = ("attempt", "config.json", RESULT)  # a trial directory has at least one of them


@dataclass(frozen=True)
class StoredFile:
    """A file in the storage: its size, and the time of its last change in seconds since 1970."""

    size_bytes: int
    changed_at: float


@dataclass(frozen=True)
class Storage:
    """The storage of trial directories.

    Attributes:
        address: a folder, or an address that fsspec knows (s3://bucket/prefix).
    """

    address: str

    def __str__(self) -> str:
        return self.address

    @property
    def folder(self) -> Path | None:
        """The folder, or None if the storage is elsewhere."""
        scheme, _, path = self.address.rpartition("://")
        return Path(path) if scheme in ("", "file") else None

    def prepare(self) -> None:
        """Create the storage unless it exists; one that is no folder is written to.

        Raises:
            UserError: if it cannot be reached, or not be written.
        """
        if self.folder is not None:
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise UserError(
                    f"cannot create folder {self.folder}: {error.strerror}; check VSS_HOME and "
                    "VSS_STORAGE"
                ) from None
        else:
            self.check_writable()

    def check_writable(self) -> None:
        """Write a file outside folders, and delete it.

        Raises:
            UserError: if that does not work.
        """
        key = f".vss-check-{uuid.uuid4().hex[:8]}"
        try:
            with reach(self.address) as (files, root):
                files.pipe_file(f"{root}/{key}", b"")
        except FileNotFoundError:
            raise UserError(
                f"VSS_STORAGE={self.address} names a bucket that does not exist: create it, or "
                "write the name of another"
            ) from None
        self.delete(key)

    def find_trials(self, prefix: str = "") -> list[str]:
        """Return the names of the trials that it has, those that begin with a prefix."""
        if self.folder is not None:
            paths = self.folder.glob(f"{prefix}*/") if self.folder.is_dir() else ()
            return sorted(path.name for path in paths if _is_trial_directory(path))
        with reach(self.address) as (files, root):
            try:
                names = files.ls(root, detail=False)
            except FileNotFoundError:  # an empty prefix does not exist
                return []
        trial_ids = {name.rstrip("/").rpartition("/")[2] for name in names}
        is_trial = _TRIAL_ID.fullmatch
        return sorted(name for name in trial_ids if is_trial(name) and name.startswith(prefix))

    def list_files(self, trial_id: str) -> dict[str, StoredFile]:
        """Return the files of a trial, by their path in it; elsewhere, by ATTEMPT/path."""
        if self.folder is not None:
            paths = {path: path.stat() for path in (self.folder / trial_id).rglob("*")}
            return {
                str(path.relative_to(self.folder / trial_id)): StoredFile(s.st_size, s.st_mtime)
                for path, s in paths.items()
                if path.is_file()
            }
        with reach(self.address) as (files, root):
            infos = files.find(f"{root}/{trial_id}", detail=True)
        start = len(f"{root}/{trial_id}/")
        return {name[start:]: _describe(info) for name, info in infos.items()}

    def fetch(self, trial_id: str, into: Path, *names: str) -> Path:
        """Return a folder with files of a trial's newest result; missing ones are left out.

        Args:
            trial_id: the trial.
            into: where to download them, in a subfolder; nothing is copied out of a folder.
            names: the files.
        """
        if self.folder is not None:
            return self.folder / trial_id
        stored = self.list_files(trial_id)
        attempt = newest_with(RESULT, stored)
        for name in names if attempt is not None else ():
            if f"{attempt}/{name}" in stored:
                self.download(f"{trial_id}/{attempt}/{name}", into / trial_id / name)
        return into / trial_id

    def read_log(self, trial_id: str, attempt: int, name: str) -> bytes | None:
        """Return the content of an attempt's log, or None if there is none."""
        if self.folder is not None:
            file = self.folder / trial_id / name
            return file.read_bytes() if file.is_file() else None
        with reach(self.address) as (files, root):
            try:
                content: bytes = files.cat_file(f"{root}/{trial_id}/{attempt}/{name}")
            except FileNotFoundError:
                return None
        return content

    def has_result(self, trial_id: str) -> bool:
        """Return whether it has the result of a trial."""
        stored = self.list_files(trial_id)
        return RESULT in stored or newest_with(RESULT, stored) is not None

    def add_result(self, source: Path, trial_id: str, attempt: int) -> None:
        """Copy a complete trial directory into the storage, unless it has the trial."""
        if self.folder is not None:
            _copy(source, self.folder / trial_id)
        elif not self.has_result(trial_id):
            paths = [path.relative_to(source) for path in source.rglob("*") if path.is_file()]
            for path in sorted(paths, key=lambda path: path.name == RESULT):
                self.upload(source / path, f"{trial_id}/{attempt}/{path.as_posix()}")

    def add_file(self, source: Path, digest: str) -> None:
        """Store a file that trials refer to by its digest, unless it is there."""
        name = digest.rpartition(":")[2]
        if self.folder is not None:
            _copy(source, self.folder / _SHARED / name)
            return
        with reach(self.address) as (files, root):
            is_there = files.exists(f"{root}/{_SHARED}/{name}")
        if not is_there:
            self.upload(source, f"{_SHARED}/{name}")

    def find_file(self, digest: str, into: Path) -> Path:
        """Return the path of a file that trials refer to by its digest.

        Args:
            digest: the digest.
            into: a folder of this machine to download it to, if the storage is elsewhere.

        Raises:
            UserError: if the storage does not have it.
        """
        name = digest.rpartition(":")[2]
        target = (self.folder / _SHARED if self.folder is not None else into) / name
        if not target.is_file() and self.folder is None:
            with suppress(FileNotFoundError):
                self.download(f"{_SHARED}/{name}", target)
        if not target.is_file():
            raise UserError(f"{self} does not have the file with {digest[:19]}: submit again")
        return target

    def remove(self, trial_id: str) -> None:
        """Remove all that it has of a trial."""
        if self.folder is not None:
            shutil.rmtree(self.folder / trial_id, ignore_errors=True)
            return
        with reach(self.address) as (files, root), suppress(FileNotFoundError):
            files.rm(f"{root}/{trial_id}", recursive=True)

    def upload(self, source: Path, key: str) -> None:
        """Upload a file, to a place outside folders."""
        with reach(self.address) as (files, root):
            files.makedirs(f"{root}/{key}".rpartition("/")[0], exist_ok=True)
            files.put_file(str(source), f"{root}/{key}")

    def download(self, key: str, target: Path) -> None:
        """Download a file, from a place outside folders."""
        target.parent.mkdir(parents=True, exist_ok=True)
        unfinished = target.with_name(f"{target.name}.{uuid.uuid4().hex[:8]}.download")
        with reach(self.address) as (files, root):
            files.get_file(f"{root}/{key}", str(unfinished))
        unfinished.replace(target)

    def delete(self, key: str) -> None:
        """Delete a file outside folders; a missing one is no error."""
        with reach(self.address) as (files, root), suppress(FileNotFoundError):
            files.rm_file(f"{root}/{key}")


def _is_trial_directory(folder: Path) -> bool:
    has_file = any((folder / name).is_file() for name in _FILES)
    return has_file and _TRIAL_ID.fullmatch(folder.name) is not None


def newest_with(name: str, stored: Mapping[str, StoredFile]) -> int | None:
    """Return the number of the newest attempt that has a file, or None if none has."""
    return max((n for n in attempts_of(stored) if f"{n}/{name}" in stored), default=None)


def attempts_of(stored: Mapping[str, StoredFile]) -> set[int]:
    """Return the numbers of the attempts that have any file."""
    return {int(key.partition("/")[0]) for key in stored if key.partition("/")[0].isdigit()}


def _copy(source: Path, target: Path) -> None:
    """Copy a file or a folder, unless it is there; nobody sees half of it."""
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        unfinished = target.with_name(f"{target.name}.{uuid.uuid4().hex[:8]}")
        if source.is_dir():
            _copy_folder(source, unfinished)
        else:
            shutil.copyfile(source, unfinished)
        unfinished.rename(target)


def _copy_folder(source: Path, target: Path) -> None:
    """Copy a folder in which somebody else may put a link in place of a file meanwhile."""
    shutil.copytree(source, target, symlinks=True)
    if links := [path.name for path in target.rglob("*") if path.is_symlink()]:
        shutil.rmtree(target)
        raise UserError(f"{source} has become a folder with links, such as {links[0]}")


def _describe(info: Mapping[str, Any]) -> StoredFile:
    """Describe a file; each file system names the time of its last change differently."""
    changed_at: Any = info.get("LastModified") or info.get("mtime") or info.get("created") or 0.0
    seconds = changed_at.timestamp() if isinstance(changed_at, datetime) else float(changed_at)
    return StoredFile(int(info["size"]), seconds)

"""The trial directory: a stable format, written atomically by one attempt at a time.

config.json          the settings
attempt              number of the attempt that owns the directory
resume.pt            state of an unfinished run; resume.previous.pt is the one before
stopped.pt           state of a run that stopped before the end of its schedule, to go on from
result.json          the scores, written last: a directory that has it is complete
environment.json     device, versions and code
weights.safetensors  the scored weights
curves.csv           loss, learning rate and scores on val: curve,step,value
frames.npz           one confusion matrix per scored frame, and its counts along boundaries
samples.npz          frame, label and prediction of some scored frames
pictures/            frame, label and prediction side by side
log-1.txt ...        the log of each attempt, written through while it runs
"""

import errno
import functools
import json
import os
import re
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from PIL.Image import Image as PillowImage

from vss.errors import UserError
from vss.patience import NoPatience, Patience
from vss.saved_state import read_state, serialise
from vss.trial_config import TrialConfig
from vss.trial_log import append_to_log, log_name
from vss.untrusted.json_text import read_object
from vss.untrusted.messages import one_line

if TYPE_CHECKING:
    from torch import Tensor

STOPPED_STATE = "stopped.pt"


class StaleAttemptError(RuntimeError):
    """Raised when an attempt tries to write to a directory that a newer one owns."""


class TrialDirectory:
    """A trial's folder, as one attempt sees it.

    A node that seemed dead may keep running for seconds, so every write first checks that the
    directory still belongs to this attempt.

    Attributes:
        path: the folder, `<storage>/<trial_id>`.
        attempt: the number of the attempt that this process belongs to.
    """

    def __init__(
        self,
        storage: Path,
        config: TrialConfig,
        attempt: int | None = None,
        read_only: bool = False,
        patience: Patience | None = None,
    ) -> None:
        """Take ownership of the directory.

        Args:
            storage: the folder of all trial directories.
            config: the trial.
            attempt: the number of the attempt; by default one more than the last.
            read_only: take no ownership and ignore all writes, as all processes but the first do
                when an attempt runs on several GPUs.
            patience: what to do while the directory cannot be written; by default, the error of a
                write is raised.

        Raises:
            StaleAttemptError: if a newer attempt owns it.
        """
        self.path = storage / config.trial_id
        self._read_only = read_only
        self._patience = patience or NoPatience()
        if read_only:
            self.attempt = attempt or read_owner(self.path)
            return
        self.attempt = attempt or 0
        self._wait_out(self._take_ownership)
        self.write_json("config.json", config.settings())

    def _take_ownership(self) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        newest = self._owner()
        self.attempt = self.attempt or newest + 1
        if newest > self.attempt:
            raise StaleAttemptError(self._stale_message(newest))
        _replace(self.path / "attempt", lambda file: file.write(str(self.attempt).encode()))
        _remove_partial_files(self.path)

    def save(self, state: dict[str, Any]) -> None:
        """Save the state that a resumed run needs; keep the previous state as well."""
        self._persist(functools.partial(self._save, serialise(state)))

    def try_save(self, state: dict[str, Any]) -> bool:
        """Save the state unless the storage is out of reach; return whether it was saved."""
        if self._read_only:
            return True
        try:
            self._check_owner()
            self._save(serialise(state))
        except OSError as error:
            self._patience.begin(error)  # training goes on, and the next checkpoint tries again
            return False
        self._patience.end()
        return True

    def _save(self, content: bytes) -> None:
        latest = self.path / "resume.pt"
        if latest.exists():
            latest.replace(self.path / "resume.previous.pt")
        _replace(latest, lambda file: file.write(content))

    def load(self) -> dict[str, Any] | None:
        """Load the newest readable state, or return None if there is none."""
        for name in ("resume.pt", "resume.previous.pt"):
            path = self.path / name
            if not path.exists():
                continue
            try:
                return read_state(path)
            except Exception as error:  # a damaged file can raise anything
                message = (
                    f"{name} of trial {self.path.name} is damaged ({one_line(str(error), 150)}): "
                    "falling back to an older state"
                )
                warnings.warn(message, stacklevel=2)
                self.log(message)
        return None

    def write_json(self, name: str, content: dict[str, Any]) -> None:
        """Write a JSON file."""
        text = json.dumps(content, indent=2)
        self._write(name, lambda file: file.write(text.encode()))

    def write_weights(self, weights: "dict[str, Tensor]") -> None:
        """Write the scored weights."""
        from safetensors.torch import save  # imports PyTorch, and drivers do without it

        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}
        content = b"" if self._read_only else save(tensors)
        self._write("weights.safetensors", lambda file: file.write(content))

    def write_arrays(self, name: str, arrays: dict[str, Any]) -> None:
        """Write numpy arrays into a compressed file."""
        self._write(name, lambda file: np.savez_compressed(file, **arrays))

    def write_curves(self, points: Sequence[tuple[str, int, float]]) -> None:
        """Write (curve, step, value) points."""
        lines = ["curve,step,value", *(f"{name},{step},{value!r}" for name, step, value in points)]
        self._write("curves.csv", lambda file: file.write(("\n".join(lines) + "\n").encode()))

    def write_picture(self, picture: PillowImage, name: str) -> None:
        """Write a PNG into pictures/, with slashes in its name turned into dashes."""
        self._persist(lambda: (self.path / "pictures").mkdir(exist_ok=True))
        file_name = f"pictures/{name.replace('/', '-')}.png"
        self._write(file_name, lambda file: picture.save(file, format="png"))

    def finish(self, result: dict[str, Any], keeps_state: bool = False) -> None:
        """Write the result and delete the state that only an unfinished trial needs.

        Args:
            result: the result.
            keeps_state: whether another trial may go on from the state that was saved last.
        """
        if keeps_state:
            self._persist(self._keep_state)
        self.write_json("result.json", result)
        for name in ("resume.pt", "resume.previous.pt"):
            self._persist(functools.partial((self.path / name).unlink, missing_ok=True))

    def _keep_state(self) -> None:
        latest = self.path / "resume.pt"
        if latest.exists():  # or an earlier attempt was lost between here and the result
            latest.replace(self.path / STOPPED_STATE)

    def result(self) -> dict[str, Any] | None:
        """Return the result, or None if the trial has not finished."""
        path = self.path / "result.json"
        return read_object(path, "file") if path.exists() else None

    def log(self, text: str) -> None:
        """Append a line to the log of this attempt, unless the storage is out of reach."""
        if not self._read_only:
            with suppress(OSError):
                append_to_log(self.path / log_name(self.attempt), text)

    def _write(self, name: str, write: Callable[[BinaryIO], object]) -> None:
        self._persist(lambda: _replace(self.path / name, write))

    def _persist(self, write: Callable[[], object]) -> None:
        """Write, and wait while the storage is out of reach; only the owner may write."""

        def check_and_write() -> None:
            self._check_owner()
            write()

        if not self._read_only:
            self._wait_out(check_and_write)

    def _wait_out(self, write: Callable[[], None]) -> None:
        while True:
            try:
                write()
            except OSError as error:
                self._patience.begin(error)
                self._patience.wait()
            else:
                self._patience.end()
                return

    def _check_owner(self) -> None:
        owner = self._owner()
        if owner != self.attempt:
            raise StaleAttemptError(self._stale_message(owner))

    def _owner(self) -> int:
        attempt = read_owner(self.path)
        if not attempt and not self.path.parent.is_dir():
            # Not a deleted trial: the storage itself is gone, for example not mounted.
            raise FileNotFoundError(errno.ENOENT, "the folder is missing", str(self.path.parent))
        return attempt

    def _stale_message(self, owner: int) -> str:
        return (
            f"trial {self.path.name} belongs to attempt {owner}: "
            f"attempt {self.attempt} may no longer write to it"
        )


def read_owner(directory: Path) -> int:
    """Return the number of the attempt that owns a trial directory, or 0."""
    path = directory / "attempt"
    if not path.exists():
        return 0
    text = path.read_text(errors="replace")[:20].strip()
    if not text.isascii() or not text.isdigit():
        raise UserError(f"{path} is damaged: write the number of the last attempt into it")
    return int(text)


def _replace(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Write to a temporary file, then rename it: readers see the old file or the whole new one."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        with suppress(OSError):  # it may hold the last bytes of a full disk
            temporary.unlink(missing_ok=True)
        raise


def _remove_partial_files(folder: Path) -> None:
    """Remove the temporary files of earlier attempts, which were killed while they wrote."""
    for file in (*folder.iterdir(), *folder.glob("pictures/*")):
        if re.fullmatch(r".+\.\d+", file.name):
            file.unlink(missing_ok=True)

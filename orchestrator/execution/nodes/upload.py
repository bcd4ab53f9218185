"""The upload of an attempt's files, in the background, while it trains."""

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from orchestrator.ledger.availability.pause import Pause
from orchestrator.remote_storage import error_text
from orchestrator.storage import RESULT, Storage, attempts_of
from vss.trial_directory import StaleAttemptError
from vss.trial_log import append_to_log, log_name
from vss.untrusted.messages import cut

_PAUSE_SECONDS = 2.0  # between two looks for changed files
_LONGEST_PAUSE_SECONDS = 60.0  # between two tries while the storage does not answer
_REASON_LENGTH = 100  # characters
# Only of this machine: its number is in the address, and two states are not needed there.
_LOCAL_FILES = ("attempt", "resume.previous.pt")

_Stamp = tuple[int, int]  # time of the last change in ns, size


class Upload:
    """The upload of an attempt's directory to `TRIAL/ATTEMPT/` in the storage.

    Files are replaced, never changed, except for the log; so a hard link holds the version that is
    being uploaded, however long that takes. The result comes last.

    Args:
        storage: the storage, which is not a folder.
        directory: the trial directory on this machine.
        trial_id: the trial.
        attempt: number of the attempt.

    Attributes:
        on_pause: called when a wait for the storage begins, and with None when it ends.
    """

    def __init__(self, storage: Storage, directory: Path, trial_id: str, attempt: int) -> None:
        self.on_pause: Callable[[Pause | None], None] = lambda pause: None
        self._pause: Pause | None = None
        self._storage = storage
        self._directory = directory
        self._trial_id = trial_id
        self._attempt = attempt
        self._uploaded: dict[str, _Stamp] = {}
        self._stale: StaleAttemptError | None = None
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._upload_until_the_end, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end.set()
        self._thread.join()
        if error is not None and not isinstance(error, StaleAttemptError):
            with suppress(Exception):  # the log is wanted, but the first error matters more
                self._upload_changed()

    @property
    def is_stale(self) -> bool:
        """Whether a newer attempt has begun, so that this one is to end."""
        return self._stale is not None

    def announce(self) -> None:
        """Tell other attempts that this one has begun."""
        file = self._directory / "attempt"
        file.write_text(str(self._attempt))
        self._storage.upload(file, f"{self._trial_id}/{self._attempt}/attempt")

    def fetch(self, keys: Iterable[str]) -> None:
        """Download files of earlier attempts, ATTEMPT/path, which are not uploaded again."""
        for key in keys:
            name = key.partition("/")[2]
            self._storage.download(f"{self._trial_id}/{key}", self._directory / name)
            self._uploaded[name] = _stamp(self._directory / name)

    def finish(self, should_stop: Callable[[], bool]) -> bool:
        """Upload what is left, the result last; wait for the storage as long as it takes.

        Args:
            should_stop: polled while the storage does not answer.

        Returns:
            whether all was uploaded before it was told to stop.

        Raises:
            StaleAttemptError: if a newer attempt has begun.
            UserError: if there is no access.
        """
        self._end.set()
        self._thread.join()
        pause = _PAUSE_SECONDS
        while True:
            try:
                self._upload_changed()
                self._complete()
            except OSError as error:
                self._begin_pause(error)
                if should_stop():
                    return False
                time.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
            else:
                self._end_pause()
                return True

    def _complete(self) -> None:
        """Upload the result if there is one, and delete what only an unfinished trial needs."""
        if RESULT not in self._changed():
            return
        self._upload(RESULT)
        for key in self._storage.list_files(self._trial_id):
            number = key.partition("/")[0]
            is_older = number.isdigit() and int(number) < self._attempt
            if (is_older and not _is_log(key)) or key == f"{self._attempt}/resume.pt":
                self._storage.delete(f"{self._trial_id}/{key}")

    def _upload_until_the_end(self) -> None:
        pause = _PAUSE_SECONDS
        while not self._end.wait(pause):
            try:
                self._upload_changed()
                self._end_pause()
                pause = _PAUSE_SECONDS
            except StaleAttemptError as error:
                self._stale = error
                return
            except Exception as error:  # training goes on; `finish` raises what remains
                self._begin_pause(error)
                pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    def _upload_changed(self) -> None:
        """Upload the files that have changed, except for the result."""
        names = [name for name in self._changed() if name != RESULT]
        if names:
            self._check_owner()
        for name in names:
            self._upload(name)

    def _changed(self) -> dict[str, _Stamp]:
        stamps = {}
        for path in self._directory.rglob("*"):
            name = path.relative_to(self._directory).as_posix()
            is_unfinished = path.suffix[1:].isdigit() or path.suffix in (".upload", ".download")
            if path.is_file() and not is_unfinished and name not in _LOCAL_FILES:
                stamp = _stamp(path)
                if self._uploaded.get(name) != stamp:
                    stamps[name] = stamp
        return stamps

    def _upload(self, name: str) -> None:
        source = self._directory / name
        copy = source.with_name(f"{source.name}.upload")
        copy.unlink(missing_ok=True)
        try:
            if _is_log(name):
                shutil.copy2(source, copy)
            else:
                os.link(source, copy)
        except FileNotFoundError:
            return  # deleted since: the trial has finished
        stamp = _stamp(copy)
        self._storage.upload(copy, f"{self._trial_id}/{self._attempt}/{name}")
        copy.unlink()
        self._uploaded[name] = stamp

    def _check_owner(self) -> None:
        newest = max(attempts_of(self._storage.list_files(self._trial_id)), default=0)
        if newest > self._attempt:
            raise StaleAttemptError(
                f"trial {self._trial_id} belongs to attempt {newest}: attempt {self._attempt} "
                "may no longer write to it"
            )

    def _begin_pause(self, error: Exception) -> None:
        if self._pause is None:
            reason = cut(error_text(error.__cause__ or error), _REASON_LENGTH)
            self._pause = Pause("the storage", reason)
            append_to_log(self._directory / log_name(self._attempt), str(self._pause))
            self.on_pause(self._pause)

    def _end_pause(self) -> None:
        if self._pause is not None:
            self._pause = None
            self.on_pause(None)


def _stamp(path: Path) -> _Stamp:
    state = path.stat()
    return state.st_mtime_ns, state.st_size


def _is_log(name: str) -> bool:
    return name.rpartition("/")[2].startswith("log-")

"""An attempt on its machine: where it reads and writes, and how that reaches the storage.

With a storage that is a folder, the trial directory is worked on in place. Otherwise the attempt
works in a folder of its machine, which a thread uploads: no step ever waits for the network.
"""

import dataclasses
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from orchestrator.execution.job import Job, ShouldStop
from orchestrator.execution.nodes.upload import Upload
from orchestrator.execution.waiting.storage import StoragePatience
from orchestrator.ledger.availability.pause import Pause
from orchestrator.settings import cache_folder, cache_limit_gb
from orchestrator.storage import RESULT, WEIGHTS, Storage, attempts_of, newest_with
from vss.data.cache_limit import Use, is_free
from vss.errors import UserError
from vss.training.inputs import TrialInputs
from vss.trial_directory import StaleAttemptError, read_owner
from vss.trial_log import log_name


@dataclasses.dataclass(frozen=True)
class Attempt:
    """An attempt on its machine.

    Attributes:
        inputs: the inputs of the job, with the paths of this machine.
        upload: what brings its files into the storage, or None if they are written there.
    """

    inputs: TrialInputs
    upload: Upload | None = None

    @property
    def directory(self) -> Path:
        """The trial directory."""
        return self.inputs.storage / self.inputs.config.trial_id

    @property
    def log(self) -> Path:
        """The file of the attempt's log."""
        return self.directory / log_name(self.inputs.attempt or 1)

    def is_stale(self) -> bool:
        """Return whether it is known that a newer attempt has begun."""
        return self.upload is not None and self.upload.is_stale

    def check_owner(self) -> None:
        """Check that no newer attempt is known to have begun.

        Raises:
            StaleAttemptError: if one has.
        """
        newest = 0
        if self.upload is None:
            with suppress(OSError):  # the storage is out of reach
                newest = read_owner(self.directory)
        if self.is_stale() or newest > (self.inputs.attempt or newest):
            trial_id = self.inputs.config.trial_id
            raise StaleAttemptError(f"a newer attempt at trial {trial_id} has begun")

    def on_pause(self, tell: Callable[[Pause | None], None]) -> None:
        """Have a function called when a wait for the storage begins, and with None when it ends."""
        if self.upload is not None:
            self.upload.on_pause = tell

    def store(self, should_stop: ShouldStop) -> bool:
        """Wait until all files are in the storage.

        Args:
            should_stop: polled while the storage does not answer.

        Returns:
            whether they were before it was told to stop.

        Raises:
            StaleAttemptError: if a newer attempt has begun.
        """
        return self.upload is None or self.upload.finish(should_stop)


@contextmanager
def open_attempt(job: Job, patience: StoragePatience) -> Iterator[Attempt]:
    """Find the files of a job, and keep the place that it works in until the block ends.

    Args:
        job: the attempt to make.
        patience: what waits while the storage does not answer.

    Raises:
        UserError: if this machine lacks a file, or has no access to the storage.
        StaleAttemptError: if a newer attempt has begun.
    """
    if job.storage is not None and job.storage.folder is not None:
        folder = job.storage.folder
        inputs = _with_found(dataclasses.replace(job.inputs, storage=folder), folder.joinpath)
        yield Attempt(_with_files(inputs, job))
        return
    with _work_folder() as folder:
        inputs = dataclasses.replace(job.inputs, storage=folder)
        if job.storage is None:
            yield Attempt(_with_files(inputs, job))
            return
        storage = job.storage
        with patience.repeat(lambda: _prepare(inputs, storage)) as upload:
            inputs = _with_found(
                inputs, lambda path: patience.repeat(lambda: _fetch(path, folder, storage))
            )
            yield Attempt(_with_files(inputs, job), upload)


def _with_files(inputs: TrialInputs, job: Job) -> TrialInputs:
    """Return the inputs with the data, the initial weights and the cache of this machine."""
    if job.data is None:
        return inputs
    weights = inputs.weights
    is_file = "weights" not in inputs.config.sources
    if is_file and weights is not None and not weights.is_file() and job.storage is not None:
        weights = job.storage.find_file(inputs.config.weights, cache_folder() / "files")
    return dataclasses.replace(
        inputs,
        data=job.data.find(),
        weights=weights,
        cache=cache_folder(),
        cache_gb=cache_limit_gb(),
    )


def _prepare(inputs: TrialInputs, storage: Storage) -> Upload:
    """Fetch what earlier attempts have left, and return the upload of this one."""
    trial_id, attempt = inputs.config.trial_id, inputs.attempt or 1
    stored = storage.list_files(trial_id)
    newest = max(attempts_of(stored), default=0)
    if newest > attempt:
        raise StaleAttemptError(
            f"trial {trial_id} belongs to attempt {newest}: attempt {attempt} may not begin"
        )
    directory = inputs.storage / trial_id
    directory.mkdir(parents=True, exist_ok=True)
    upload = Upload(storage, directory, trial_id, attempt)
    upload.announce()
    finished, resumable = newest_with(RESULT, stored), newest_with("resume.pt", stored)
    if finished is not None:
        upload.fetch(key for key in stored if key.startswith(f"{finished}/"))
    elif resumable is not None:
        upload.fetch([f"{resumable}/resume.pt"])
    return upload


def _with_found(inputs: TrialInputs, find: Callable[[Path], Path]) -> TrialInputs:
    """Return the inputs with what other trials have left, whose paths are those in the storage.

    Args:
        inputs: the inputs.
        find: returns the path of such a file on this machine.
    """
    of_teacher, state, weights = inputs.teacher_weights, inputs.stopped_state, inputs.weights
    if weights is not None and "weights" in inputs.config.sources:
        weights = find(weights)
    return dataclasses.replace(
        inputs,
        weights=weights,
        teacher_weights=of_teacher and find(of_teacher),
        stopped_state=state and find(state),
    )


def _fetch(path: Path, folder: Path, storage: Storage) -> Path:
    """Fetch what another trial has left; without the state of a stopped one, training begins anew.

    Raises:
        UserError: if its weights are lost.
    """
    trial_id, name = path.parent.name, path.name
    file = storage.fetch(trial_id, folder, name) / name
    if name == WEIGHTS and not file.is_file():
        raise UserError(f"{storage} has no weights of trial {trial_id}")
    return file


@contextmanager
def _work_folder() -> Iterator[Path]:
    """Yield a new folder on this machine, and remove it at the end; also what others left."""
    parent = cache_folder() / "attempts"
    parent.mkdir(parents=True, exist_ok=True)
    for folder in parent.iterdir():
        if is_free(folder):
            shutil.rmtree(folder, ignore_errors=True)  # its process was killed
    folder = parent / uuid.uuid4().hex
    folder.mkdir()
    use = Use(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        del use

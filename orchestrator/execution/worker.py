"""The worker: runs one job. An ordinary function, with or without Ray around it."""

import errno
import gc
import traceback
from contextlib import nullcontext, suppress
from pathlib import Path

import torch

from orchestrator.execution.job import Failure, Job, Outcome, Report, ShouldStop
from orchestrator.execution.nodes.attempt import Attempt, open_attempt
from orchestrator.execution.nodes.output_log import copy_output
from orchestrator.execution.nodes.system_metrics import SystemMetrics
from orchestrator.execution.waiting.reporter import Reporter
from orchestrator.execution.waiting.storage import StoragePatience
from orchestrator.ledger.entries import State
from orchestrator.offline.contents import read_points
from orchestrator.secrecy import redact
from orchestrator.tracking.outbox import Outbox
from orchestrator.tracking.tracker import TRACKING_ERRORS, Tracker
from orchestrator.tracking.trial_run import TrialRun
from vss.errors import UserError
from vss.profiling.out_of_memory import OutOfMemoryError
from vss.training.inputs import Callbacks, Progress
from vss.trial.run import run_trial
from vss.trial_directory import StaleAttemptError


def run_job(job: Job, report: Report, should_stop: ShouldStop) -> Outcome:
    """Train, score and track one trial.

    Args:
        job: the attempt to make.
        report: called at the start and about once per second.
        should_stop: called before every step; once it returns true, the trial saves a checkpoint
            and stops.

    Returns:
        how the attempt ended; errors are returned, not raised.

    Raises:
        Exception: only after a CUDA error, which must end the process.
    """
    outbox = _open_outbox(job)
    reporter = Reporter(report, lambda: outbox.run_id if outbox else None)
    with outbox or nullcontext():
        try:
            patience = StoragePatience(reporter, should_stop)
            with open_attempt(job, patience) as attempt, copy_output(attempt.log):
                return _train(attempt, outbox, reporter, patience, should_stop)
        except StaleAttemptError as error:
            return Outcome(State.CANCELLED, str(error))  # a newer attempt owns it: touch nothing
        except Exception as error:
            if _poisons_the_process(error):
                raise
            if isinstance(error, OSError) and should_stop():
                return Outcome(State.CANCELLED, str(error))  # it waited for the storage
            return _record_failure(error, outbox)
        finally:
            reporter.close()
            _free_memory()


def _open_outbox(job: Job) -> Outbox | None:
    tracking, inputs = job.tracking, job.inputs
    if tracking is None:
        return None
    tags = {**tracking.tags, "seed": inputs.config.seed, "attempt": inputs.attempt}

    def open_run() -> TrialRun:
        tracker = Tracker(tracking.uri, tracking.artifacts)
        return tracker.open_trial(tracking.run_name, job.trial_id, tracking.run_id, tags)

    return Outbox(open_run)


def _train(
    attempt: Attempt,
    outbox: Outbox | None,
    reporter: Reporter,
    patience: StoragePatience,
    should_stop: ShouldStop,
) -> Outcome:
    system = SystemMetrics(attempt.inputs.compute)

    def on_progress(progress: Progress) -> None:
        if outbox is not None:
            points = [*progress.points, *system.sample(progress.step)]
            outbox.put(points, progress.pictures)
        reporter.report(progress)

    def is_over() -> bool:
        return should_stop() or attempt.is_stale()

    if outbox is not None:
        outbox.check_owner = attempt.check_owner
        outbox.on_pause = lambda pause: reporter.set_pause("MLflow", pause)
    attempt.on_pause(lambda pause: reporter.set_pause("the upload", pause))
    callbacks = Callbacks(on_progress, is_over, patience)
    _wait_for_folder(attempt.inputs.storage, patience)
    result = patience.repeat(lambda: run_trial(attempt.inputs, callbacks))
    is_stored = attempt.store(should_stop)
    if result is None or not is_stored:
        _close_run(outbox, "KILLED")
        return Outcome(State.CANCELLED, run_id=outbox.run_id if outbox else None)
    was_trained_before = reporter.report_end(attempt.inputs.config.last_step)
    if outbox is not None and was_trained_before:
        # The attempt that trained it may have been cut off from MLflow, and lost with its points.
        outbox.put(read_points(attempt.directory / "curves.csv"))
    if outbox is not None and not outbox.finish(
        lambda run: run.finish(result, attempt.directory), should_stop
    ):
        return Outcome(State.CANCELLED, run_id=outbox.run_id)
    run_id = outbox.run_id if outbox else None
    return Outcome(State.FINISHED, run_id=run_id, score=result.metrics["miou"])


def _wait_for_folder(storage: Path, patience: StoragePatience) -> None:
    """Wait until the storage is mounted: a trial must not write into the empty mount point."""
    while not storage.is_dir():
        patience.begin(FileNotFoundError(errno.ENOENT, "the folder is missing", str(storage)))
        patience.wait()
    patience.end()


def _close_run(outbox: Outbox | None, status: str, message: str = "") -> None:
    """End a run without a result, unless MLflow is out of reach: the next attempt reopens it."""
    if outbox is not None:
        with suppress(*TRACKING_ERRORS, OSError):
            run = outbox.flush(should_stop=lambda: True)
            if run is not None:
                run.close(status, message)


def _record_failure(error: Exception, outbox: Outbox | None) -> Outcome:
    details = redact(traceback.format_exc())
    _close_run(outbox, "FAILED", details)
    run_id = outbox.run_id if outbox else None
    return Outcome(State.FAILED, _first_line(error), details, _kind(error), run_id=run_id)


def _first_line(error: Exception) -> str:
    message = str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
    return redact(message.strip().splitlines()[0])


def _kind(error: Exception) -> Failure:
    if isinstance(error, OutOfMemoryError):
        return Failure.OUT_OF_MEMORY if error.is_transient else Failure.FINAL
    is_transient = isinstance(error, (OSError, *TRACKING_ERRORS))
    return Failure.TRANSIENT if is_transient else Failure.FINAL


def _poisons_the_process(error: Exception) -> bool:
    """Return whether the process must end: after a CUDA error, nothing in it runs any more."""
    return isinstance(error, torch.AcceleratorError) or "CUDA error" in str(error)


def _free_memory() -> None:
    """Free what the trial leaves behind: a worker process runs many trials."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()

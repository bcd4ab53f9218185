"""What a worker does with one attempt: an ordinary function, with or without Ray around it."""

import functools
import gc
import os
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from orchestrator.execution.job import Events, Job, Outcome, Report
from orchestrator.ledger.ledger import State
from orchestrator.tracking.tracker import TRACKING_ERRORS, Tracker, TrialRun
from vss.data.dataset import VideoDataset, load_dataset
from vss.errors import UserError
from vss.profiling.latency import measure
from vss.profiling.out_of_memory import OutOfMemory, explained
from vss.training.loop import Progress, train, train_on_gpus
from vss.trial.directory import StaleAttemptError, TrialDirectory
from vss.trial_config import TrialConfig, parse_settings


class InProcess:
    """Runs jobs one after the other in this process, without Ray: for debugging."""

    dashboard_url: str | None = None

    def check_fits(self, cpus: float, gpus: float) -> None:
        """See that a trial can run at all.

        Raises:
            UserError: if it asks for GPUs and there are none.
        """
        if gpus > torch.cuda.device_count():
            there = torch.cuda.device_count()
            raise UserError(
                f"each trial asks for {gpus:g} GPUs; PyTorch sees {there} here: "
                "lower 'resources' in the spec"
            )

    def run(
        self, jobs: Sequence[Job], events: Events, should_stop: Callable[[], bool], folder: Path
    ) -> None:
        """Run jobs until there are none, or `should_stop`."""
        for job in jobs:
            if not should_stop():
                report = functools.partial(events.reported, job.trial_id)
                events.ended(job.trial_id, run_trial(job, report))

    def trials_on_device(self, cpus: float, gpus: float) -> int:
        """One: they run one after the other."""
        return 1

    def measure_latency(
        self, cells: Mapping[str, TrialConfig], baseline: str, cpus: float, gpus: float
    ) -> dict[str, Any]:
        """Measure the cells' latency."""
        return measure_here(cells, baseline, cpus, gpus)


def measure_here(
    cells: Mapping[str, TrialConfig], baseline: str, cpus: float, gpus: float
) -> dict[str, Any]:
    """Measure latency in this process: `conditions`, and the figures of each cell."""
    return measure(cells, baseline, torch.device("cuda" if gpus else "cpu"), threads_for(cpus))


def run_trial(job: Job, report: Report) -> Outcome:
    """Train, track and score one trial.

    Args:
        job: what to run.
        report: called with step, loss, mIoU and run id at the start and about once a second.

    Returns:
        how it ended; errors are told there, not raised.
    """
    opened: list[TrialRun] = []  # as soon as there is one, a failure is written to it
    try:
        return _run(job, report, opened)
    except StaleAttemptError as error:
        return Outcome(State.CANCELLED, str(error))  # a newer attempt has it: touch nothing
    except Exception as error:
        if _poisons_the_process(error):
            raise
        details = traceback.format_exc()
        for run in opened:
            with suppress(*TRACKING_ERRORS):  # what is told is the first error, not this one
                run.close("FAILED", details)
        message = str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
        return Outcome(
            State.FAILED,
            message.strip().splitlines()[0],
            details,
            retry=isinstance(error, (OSError, *TRACKING_ERRORS))
            or (isinstance(error, OutOfMemory) and error.may_pass),
            run_id=opened[0].run_id if opened else None,
        )
    finally:
        _free_memory()


def _run(job: Job, report: Report, opened: list[TrialRun]) -> Outcome:
    config = parse_settings(job.settings)
    device = _device(job)
    directory = TrialDirectory(Path(job.storage), config, job.attempt)
    run = _open_run(job, config, opened)
    run_id = run.run_id if run else None

    def on_progress(progress: Progress) -> None:
        if run is not None:
            run.log(progress)
        report(
            {
                "step": progress.step,
                "loss": progress.loss,
                "miou": progress.miou,
                "run_id": run_id,
            }
        )

    dataset = _dataset(job, config)
    teacher = parse_settings(job.teacher) if job.teacher else None
    options: dict[str, Any] = {
        "cache": Path(job.cache),
        "threads": threads_for(job.cpus),
        "trials_on_device": job.trials_on_device,
        "weights_path": Path(job.weights) if job.weights else None,
        "teacher": teacher,
        "teacher_weights": Path(job.teacher_weights) if job.teacher_weights else None,
        "max_scored_frames": job.max_scored_frames,
    }

    def should_stop() -> bool:
        return os.path.exists(job.stop_file)  # noqa: PTH110  # asked every step

    with explained(config, device, teacher):
        if job.gpus > 1:
            data = Path(job.data) if job.data else None
            result = train_on_gpus(
                int(job.gpus), config, data, directory, options, on_progress, should_stop
            )
        else:
            result = train(
                config,
                dataset,
                directory,
                device=device,
                report=on_progress,
                should_stop=should_stop,
                **options,
            )
    if result is None:
        if run is not None:
            run.close("KILLED")
        return Outcome(State.CANCELLED, run_id=run_id)
    if run is not None:
        run.finish(result, directory.path)
    return Outcome(State.FINISHED, run_id=run_id)


def threads_for(cpus: float) -> int:
    """Threads of a trial that was given so many cores."""
    return max(1, int(cpus))


def _device(job: Job) -> torch.device:
    if job.gpus == 0:
        return torch.device("cpu")
    if not torch.cuda.is_available():
        raise UserError(f"the trial was given {job.gpus:g} GPUs, but PyTorch sees none here")
    return torch.device("cuda")


def _open_run(job: Job, config: TrialConfig, opened: list[TrialRun]) -> TrialRun | None:
    if job.tracking_uri is None:
        return None
    tracker = Tracker(job.tracking_uri, Path(job.artifacts))
    tags = {**job.tags, "seed": config.seed, "attempt": job.attempt}
    opened.append(tracker.open_trial(job.name, config.trial_id, job.run_id, tags))
    return opened[0]


def _dataset(job: Job, config: TrialConfig) -> VideoDataset:
    dataset = load_dataset(config, Path(job.data) if job.data else None)
    if dataset.fingerprint != job.data_fingerprint:
        raise UserError(
            f"{config.dataset} at {job.data} on this worker has fingerprint "
            f"{dataset.fingerprint[:12]}, where the experiment was submitted it had "
            f"{job.data_fingerprint[:12]}: all machines must hold the same files"
        )
    return dataset


def _poisons_the_process(error: Exception) -> bool:
    """After a CUDA error nothing in this process runs again: let it die and another one try."""
    return isinstance(error, torch.AcceleratorError) or "CUDA error" in str(error)


def _free_memory() -> None:
    """A worker process runs many trials."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()

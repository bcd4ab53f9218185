"""Train one trial on an offline machine: `python -m vss TRIAL.json --storage DIR`.

Needs only `vss` and its few dependencies. Exit codes: 0 finished, 2 invalid input, 130 interrupted
(rerun the same command to resume).
"""

import argparse
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from vss import catalog
from vss.errors import UserError
from vss.training.inputs import Callbacks, Compute, Progress, TrialInputs
from vss.trial.file import TrialFile, read_trial_file
from vss.untrusted.limited_file import name_of
from vss.untrusted.messages import one_line
from vss.untrusted.weights_file import digest_weights

if TYPE_CHECKING:
    from vss.training.inputs import TrialResult

FINISHED, USER_ERROR, INTERRUPTED = 0, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    options = _parser().parse_args(arguments)
    try:
        return _run(options)
    except UserError as error:
        print(f"error: {one_line(str(error))}", file=sys.stderr)
        return USER_ERROR


def _run(options: argparse.Namespace) -> int:
    """Train the trial or resume it, and measure its latency if requested."""
    trial = read_trial_file(options.trial)
    directory = options.storage / trial.trial_id
    latency_file = directory / "latency.json"
    should_measure_latency = options.latency and not latency_file.exists()
    is_finished = (directory / "result.json").exists()
    if is_finished and not should_measure_latency:
        print(f"already finished: {directory}")
        return FINISHED
    compute = _compute(trial, options.device, options.threads)
    if not is_finished:
        inputs = _inputs(trial, options, compute)
        trial.save_copy(directory)
        with _stop_requests(options.stop_after) as should_stop:
            result = _train(inputs, should_stop)
        if result is None:
            print(f"stopped with a checkpoint; rerun the same command to resume: {directory}")
            return INTERRUPTED
        miou = 100 * result.metrics["miou"]
        print(f"finished: mIoU {miou:.2f} % on {result.scored_split}")
    if should_measure_latency:
        _measure_latency(trial, compute, latency_file)
    print(directory)
    return FINISHED


def _inputs(trial: TrialFile, options: argparse.Namespace, compute: Compute) -> TrialInputs:
    trained = {
        setting: _trained_weights(trial, setting, trial_id, options.storage)
        for setting, trial_id in trial.config.sources.items()
    }
    return TrialInputs(
        config=trial.config,
        storage=options.storage,
        cache=options.cache or options.storage / ".cache",
        data=_data_path(trial.config.dataset, options.data),
        weights=_weights(trial, options.trial.parent) or trained.get("weights"),
        teacher=trial.teacher_config,
        teacher_weights=trained.get("teacher"),
        compute=compute,
    )


def _train(inputs: TrialInputs, should_stop: Callable[[], bool]) -> "TrialResult | None":
    from vss.trial.run import run_trial
    from vss.trial_directory import StaleAttemptError

    def report(progress: Progress) -> None:
        _print_progress(progress, inputs.config.last_step)

    try:
        return run_trial(inputs, Callbacks(report, should_stop))
    except (OSError, StaleAttemptError) as error:
        raise UserError(f"trial {inputs.config.trial_id}: {one_line(str(error), 200)}") from error


def _measure_latency(trial: TrialFile, compute: Compute, file: Path) -> None:
    from vss.profiling.latency import measure_latency

    # The cell is measured alone, so there is no baseline to compare it with.
    measurement = measure_latency({trial.cell: trial.config}, "", compute)
    file.write_text(measurement.model_dump_json(indent=2), encoding="utf-8")


def _print_progress(progress: Progress, steps: int) -> None:
    loss = "" if progress.loss is None else f"  loss {progress.loss:.4f}"
    miou = "" if progress.miou is None else f"  val mIoU {100 * progress.miou:.2f} %"
    print(f"step {progress.step} of {steps}{loss}{miou}", flush=True)


@contextmanager
def _stop_requests(stop_after: float | None) -> Iterator[Callable[[], bool]]:
    """Yield a function that returns whether to stop: after a signal or `stop_after` seconds.

    The signals are SIGINT and SIGTERM; Slurm sends the latter shortly before the time limit.
    """
    signals: list[int] = []

    def remember_signal(number: int, frame: FrameType | None) -> None:
        signals.append(number)

    end = None if stop_after is None else time.monotonic() + stop_after
    previous_handlers = {
        number: signal.signal(number, remember_signal) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield lambda: bool(signals) or (end is not None and time.monotonic() >= end)
    finally:
        for number, handler in previous_handlers.items():
            signal.signal(number, handler)


def _weights(trial: TrialFile, folder: Path) -> Path | None:
    if trial.weights is None:
        return None
    path = folder / trial.weights
    try:
        digest = digest_weights(path)
    except UserError as error:
        raise UserError(f"{error}: copy the weights next to the trial file") from None
    if digest != trial.config.weights:
        raise UserError(
            f"weights {name_of(path)} do not belong to the trial (expected "
            f"{trial.config.weights[:19]}, got {digest[:19]}): copy the right file next to the "
            "trial file"
        )
    return path


def _trained_weights(trial: TrialFile, setting: str, source: str, storage: Path) -> Path:
    """Return the weights of a trial that `teacher` or `weights` names."""
    folder = storage / source
    if not (folder / "result.json").exists():
        relation = "learns from" if setting == "teacher" else "starts from the weights of"
        raise UserError(
            f"trial {trial.trial_id} {relation} trial {source}, which has not finished in "
            f"{storage}: run the trial file NNNN-{source}.json with the same --storage first"
        )
    return folder / "weights.safetensors"


def _data_path(dataset: str, path: Path | None) -> Path | None:
    """Return the path of the dataset: its folder, or the file that describes it."""
    if dataset == "folder":
        if path is None:
            raise UserError(
                "dataset 'folder' needs --data FILE, the YAML file that describes the data"
            )
        if not path.is_file():
            raise UserError(f"no file {path}: pass the YAML file that describes the data as --data")
        return path
    if not catalog.DATASETS[dataset].needs_path:
        return None
    root = os.environ.get("VSS_DATA")
    if path is None and not root:
        raise UserError(
            f"dataset '{dataset}' needs a folder: pass --data PATH, or set VSS_DATA to a folder "
            "that contains one folder per dataset"
        )
    folder = (path or Path(root or "") / dataset).expanduser()
    if not folder.is_dir():
        raise UserError(
            f"folder {folder} of dataset '{dataset}' does not exist: correct --data or VSS_DATA"
        )
    return folder.resolve()


def _compute(trial: TrialFile, device: str | None, threads: int | None) -> Compute:
    """Combine the file's resources with the options of the command line."""
    resources = trial.resources
    gpus = {"cpu": 0.0, "cuda": resources.gpus or 1.0, None: resources.gpus}[device]
    compute = Compute.from_resources(threads or resources.cpus, gpus)
    compute.require_available()
    return compute


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m vss", description="Train one trial on an offline machine."
    )
    parser.add_argument("trial", type=Path, metavar="TRIAL.json", help="the trial file")
    parser.add_argument(
        "--storage", type=Path, required=True, metavar="DIR", help="folder of trial directories"
    )
    parser.add_argument(
        "--data", type=Path, metavar="PATH", help="the dataset's folder, or the file describing it"
    )
    parser.add_argument("--cache", type=Path, metavar="DIR", help="folder for decoded frames")
    parser.add_argument("--device", choices=("cpu", "cuda"), help="default: as in the trial file")
    parser.add_argument("--threads", type=int, help="CPU threads (default: as in the trial file)")
    parser.add_argument(
        "--latency", action="store_true", help="also measure latency, into latency.json"
    )
    parser.add_argument(
        "--stop-after",
        type=float,
        metavar="SECONDS",
        help="save a checkpoint and stop after this time",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())

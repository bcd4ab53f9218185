"""Train one trial without a network: `python -m vss TRIAL.json --storage DIR`.

Needs `vss` and its few dependencies alone. Exit codes: 0 finished, 2 a mistake in what was given,
130 interrupted (the same command goes on).
"""

import argparse
import hashlib
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
from vss.trial import file as trial_file
from vss.trial.file import TrialFile

if TYPE_CHECKING:
    import torch

    from vss.training.loop import Progress
    from vss.trial.directory import TrialDirectory
    from vss.trial_config import TrialConfig

FINISHED, USER_ERROR, INTERRUPTED = 0, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    given = _parser().parse_args(arguments)
    try:
        return run(
            given.trial,
            given.storage,
            data=given.data,
            cache=given.cache,
            device_name=given.device,
            threads=given.threads,
            latency=given.latency,
            stop_after=given.stop_after,
        )
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return USER_ERROR


def run(
    path: Path,
    storage: Path,
    *,
    data: Path | None = None,
    cache: Path | None = None,
    device_name: str | None = None,
    threads: int | None = None,
    latency: bool = False,
    stop_after: float | None = None,
) -> int:
    """Train one trial, or go on with it; a finished one is left as it is.

    Args:
        path: the trial file.
        storage: the folder of all trial directories.
        data: the dataset's folder; by default the one in VSS_DATA.
        cache: decoded frames; by default `.cache` in `storage`.
        device_name: cpu or cuda; by default as the trial file's resources say.
        threads: for the CPU; by default as the trial file says.
        latency: measure it afterwards, into latency.json.
        stop_after: seconds, after which a checkpoint is left as on SIGTERM.

    Returns:
        the exit code.

    Raises:
        UserError: if something that is needed is missing.
    """
    trial = trial_file.read(path)
    config = trial.config
    finished = storage / config.trial_id / "result.json"
    if finished.exists() and not (latency and not finished.with_name("latency.json").exists()):
        print(f"already finished: {finished.parent}")
        return FINISHED
    weights = _weights(trial, path.parent)
    teacher_weights = _teacher_weights(trial, storage)
    source = data if config.dataset == "folder" else _data_path(config.dataset, data)
    if config.dataset == "folder" and (source is None or not source.is_file()):
        raise UserError("dataset 'folder' needs --data FILE: the YAML that describes it")

    from vss.data.dataset import load_dataset
    from vss.profiling.out_of_memory import explained
    from vss.training.loop import train
    from vss.trial.directory import StaleAttemptError, TrialDirectory

    device = _device(device_name, trial)
    threads = threads or max(1, int(trial.resources.cpus))
    directory = TrialDirectory(storage, config)
    (directory.path / trial_file.COPY).write_text(trial.text(), encoding="utf-8")
    known = directory.result() is not None
    try:
        with _stops(stop_after) as should_stop, explained(config, device, trial.teacher_config):
            result = train(
                config,
                load_dataset(config, source),
                directory,
                cache=cache or storage / ".cache",
                device=device,
                threads=threads,
                weights_path=weights,
                teacher=trial.teacher_config,
                teacher_weights=teacher_weights,
                report=lambda progress: _print(config, progress),
                should_stop=should_stop,
            )
    except (OSError, StaleAttemptError) as error:
        raise UserError(f"trial {config.trial_id}: {str(error).strip().splitlines()[0]}") from error
    if result is None:
        print(f"stopped with a checkpoint; the same command goes on: {directory.path}")
        return INTERRUPTED
    said = "already finished" if known else "finished"
    print(f"{said}: mIoU {100 * result.metrics['miou']:.2f} % on {result.scored_split}")
    if latency and not (directory.path / "latency.json").exists():
        _measure(directory, config, trial.cell, device, threads)
    print(directory.path)
    return FINISHED


def _measure(
    directory: "TrialDirectory",
    config: "TrialConfig",
    cell: str,
    device: "torch.device",
    threads: int,
) -> None:
    from vss.profiling.latency import measure

    # Alone: the baseline has no rounds beside it, and no ratio is taken.
    directory.write_json("latency.json", measure({cell: config}, "", device, threads))


def _print(config: "TrialConfig", progress: "Progress") -> None:
    loss = "" if progress.loss is None else f"  loss {progress.loss:.4f}"
    miou = "" if progress.miou is None else f"  val mIoU {100 * progress.miou:.2f} %"
    print(f"step {progress.step} of {config.steps}{loss}{miou}", flush=True)


@contextmanager
def _stops(seconds: float | None) -> Iterator[Callable[[], bool]]:
    """SIGINT, SIGTERM (Slurm's before the time limit) or the time ask for a stop."""
    asked: list[int] = []

    def ask(number: int, frame: FrameType | None) -> None:
        asked.append(number)

    end = None if seconds is None else time.monotonic() + seconds
    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(asked) or (end is not None and time.monotonic() >= end)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _weights(trial: TrialFile, folder: Path) -> Path | None:
    if trial.weights is None:
        return None
    path = folder / trial.weights
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise UserError(
            f"weights {path} cannot be read ({error.strerror}): copy them beside the trial file"
        ) from None
    if f"sha256:{digest}" != trial.config.weights:
        raise UserError(f"weights {path} are not those of the trial: their SHA-256 is {digest}")
    return path


def _teacher_weights(trial: TrialFile, storage: Path) -> Path | None:
    teacher = trial.config.teacher
    if teacher == "none":
        return None
    folder = storage / teacher
    if not (folder / "result.json").exists():
        raise UserError(
            f"trial {trial.trial_id} learns from trial {teacher}, which has not finished in "
            f"{storage}: first run the trial file NNNN-{teacher}.json with the same --storage"
        )
    return folder / "weights.safetensors"


def _data_path(dataset: str, given: Path | None) -> Path | None:
    if not catalog.DATASETS[dataset].needs_path:
        return None
    root = os.environ.get("VSS_DATA")
    if given is None and not root:
        raise UserError(
            f"dataset '{dataset}' needs a folder: give --data PATH, or set VSS_DATA to a folder "
            "that holds one folder per dataset"
        )
    path = (given or Path(root or "") / dataset).expanduser()
    if not path.is_dir():
        raise UserError(f"no folder {path} for dataset '{dataset}' (from --data or VSS_DATA)")
    return path.resolve()


def _device(name: str | None, trial: TrialFile) -> "torch.device":
    import torch

    name = name or ("cuda" if trial.resources.gpus > 0 else "cpu")
    if name == "cuda" and not torch.cuda.is_available():
        raise UserError("the trial is for a GPU, but PyTorch sees none here: give --device cpu")
    return torch.device(name)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m vss", description="Train one trial without a network."
    )
    parser.add_argument("trial", type=Path, metavar="TRIAL.json", help="the trial file")
    parser.add_argument("--storage", type=Path, required=True, metavar="DIR", help="trial folders")
    parser.add_argument("--data", type=Path, metavar="PATH", help="the dataset's folder")
    parser.add_argument("--cache", type=Path, metavar="DIR", help="decoded frames")
    parser.add_argument("--device", choices=("cpu", "cuda"), help="default: as the file says")
    parser.add_argument("--threads", type=int, help="for the CPU (default: as the file says)")
    parser.add_argument("--latency", action="store_true", help="measure it into latency.json")
    parser.add_argument("--stop-after", type=float, metavar="SECONDS", help="leave a checkpoint")
    return parser


if __name__ == "__main__":
    sys.exit(main())

"""The inputs of a training run, and what it reports. Imports no torch."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from vss.errors import UserError
from vss.patience import NoPatience, Patience
from vss.trial_config import TrialConfig


@dataclass(frozen=True)
class Compute:
    """The share of a machine that a trial runs on.

    Attributes:
        device_type: "cpu" or "cuda".
        processes: the number of processes that share every batch, one per GPU.
        threads: the number of CPU threads; the same number gives the same bits.
    """

    device_type: str = "cpu"
    processes: int = 1
    threads: int = 1

    @classmethod
    def from_resources(cls, cpus: float, gpus: float) -> "Compute":
        """Convert the resources of a spec, which may be fractions of a core or of a GPU."""
        return cls("cuda" if gpus else "cpu", max(1, int(gpus)), max(1, int(cpus)))

    def require_available(self) -> None:
        """Check that PyTorch sees the GPUs.

        Raises:
            UserError: if it sees fewer than needed.
        """
        if self.device_type == "cpu":
            return
        import torch

        visible = torch.cuda.device_count()
        if visible < self.processes:
            raise UserError(
                f"the trial needs {self.processes} GPU(s), but PyTorch sees {visible}: "
                "lower gpus in resources, or run the trial on the CPU"
            )


@dataclass(frozen=True)
class TrialInputs:
    """Everything that one attempt at a trial needs, in plain values that can be sent to a worker.

    Attributes:
        config: the trial.
        storage: the folder of all trial directories, shared by all workers.
        cache: the folder of decoded frames, shared by all trials of a machine.
        data: the dataset's folder or the file that describes it, or None if it needs neither.
        data_fingerprint: the fingerprint that the data must have, or None to accept any.
        weights: path of the file that `config.weights` stands for, or None; random ones replace
            those of another trial if it is None (smoke test).
        teacher: the trial that `config.teacher` names, or None.
        teacher_weights: path of the teacher's trained weights, or None for random ones (smoke
            test).
        stopped_state: the file with the state in which an earlier trial stopped the same training
            early, from which this one goes on, or None. If it is missing, training begins anew and
            ends with the same bits.
        attempt: the number of the attempt, or None to count on from the last.
        compute: the device and threads to use.
        trials_on_device: the number of trials that may share the device, to be recorded.
        checkpoint_seconds: seconds from one checkpoint to the next.
        max_scored_frames: the number of frames to score in each split (smoke test), or None for
            all.
        cache_gb: the limit of the cache's size in GiB, or None for what the disk holds.
        pictured_frames: the number of frames of val whose predictions are drawn at evaluations.
    """

    config: TrialConfig
    storage: Path
    cache: Path
    data: Path | None = None
    data_fingerprint: str | None = None
    weights: Path | None = None
    teacher: TrialConfig | None = None
    teacher_weights: Path | None = None
    stopped_state: Path | None = None
    attempt: int | None = None
    compute: Compute = field(default_factory=Compute)
    trials_on_device: int = 1
    checkpoint_seconds: float = 20.0
    max_scored_frames: int | None = None
    cache_gb: float | None = None
    pictured_frames: int = 0


@dataclass(frozen=True)
class Picture:
    """Frame, label and prediction side by side.

    Attributes:
        frame: the name of the frame.
        step: the step after which it was predicted.
        png: the picture as a PNG file.
    """

    frame: str
    step: int
    png: bytes


@dataclass(frozen=True)
class Progress:
    """The progress of a training run.

    Attributes:
        step: the number of completed optimiser steps.
        loss: the newest point of the loss curve, or None before the first.
        miou: the newest mIoU on val, or None before the first evaluation.
        points: the new (curve, step, value) points of all curves, in their order; those of earlier
            attempts come again in the first report. Empty in reports between evaluations.
        step_seconds: the mean duration of a step since the last report; None if there was none.
        data_wait_seconds: the mean wait of a step for its batch since the last report.
        pictures: predictions on val at this step, if it is one at which they are drawn.
    """

    step: int
    loss: float | None
    miou: float | None
    points: Sequence[tuple[str, int, float]] = ()
    step_seconds: float | None = None
    data_wait_seconds: float | None = None
    pictures: Sequence[Picture] = ()


@dataclass(frozen=True)
class Callbacks:
    """The functions that a training run calls.

    Attributes:
        report: called about once a second, and at every evaluation.
        should_stop: called before every step; once it returns true, training stops with a
            checkpoint.
        storage: what to do while the trial directory cannot be written.
    """

    report: Callable[[Progress], None] = lambda progress: None
    should_stop: Callable[[], bool] = lambda: False
    storage: Patience = field(default_factory=NoPatience)


@dataclass(frozen=True)
class TrialResult:
    """The results of a trial; units are in the field names, metrics are fractions.

    Attributes:
        scored_split: the split that was scored.
        scored_frames: the number of scored frames.
        scored_step: the step whose weights were scored: the last, or the best on val.
        metrics: metric -> value, for every metric of `vss/scoring/metrics.py`.
        iou: class -> IoU, or None if the class occurs in neither labels nor predictions.
        train_seconds: the duration of the optimiser steps of all attempts; None below 4 steps.
        parameters: the number of trainable parameters used at inference.
    """

    scored_split: str
    scored_frames: int
    scored_step: int
    metrics: Mapping[str, float]
    iou: Mapping[str, float | None]
    train_seconds: float | None
    step_ms_median: float | None
    step_ms_p95: float | None
    parameters: int
    peak_memory_mib: float
    data_fingerprint: str

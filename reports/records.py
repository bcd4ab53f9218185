"""An experiment as the report sees it: flat records, units in the field names."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Sample(NamedTuple):
    """A scored frame with its label and a prediction.

    Attributes:
        image: (h, w, 3) RGB.
        label: (H, W) class indices; any other value is unlabelled.
        prediction: (H, W) class indices.
    """

    image: NDArray[np.uint8]
    label: NDArray[np.uint8]
    prediction: NDArray[np.uint8]


@dataclass(frozen=True)
class RunRecord:
    """A trial of an experiment; None means not measured.

    Attributes:
        cell: the row of the main table that the trial belongs to.
        state: FINISHED, or why there are no numbers: FAILED, PENDING, RUNNING, CANCELLED, DELETED.
        settings: every setting that applies.
        implied: the settings that follow from another one, such as options with the default of
            their head; two heads may have different defaults of the same option.
        message: the error of a failed trial, or which files of a finished one are damaged.
        attempts: how many times a worker started the trial.
        scored_step: the step whose weights were scored.
        metrics: metric -> value on the scored split; fractions.
        iou: class -> IoU; a class that does not occur is missing.
        train_seconds: of optimiser steps only.
        parameters: trainable numbers used at inference.
        peak_memory_mib: of the training.
        environment: device, versions, commit.
        frames: the names of the scored frames as sequence/number, in order.
        classes: names in the order of the label values.
        confusions: (frames, classes, classes) pixel counts, rows are labels; None if not kept.
        curves: name -> (step, value) points, for example of train/loss and val/miou.
        samples: frame name -> sample, for some of the frames.
    """

    cell: str
    seed: int
    trial_id: str
    state: str
    settings: Mapping[str, Any]
    implied: Sequence[str] = ()
    message: str | None = None
    run_id: str | None = None
    attempts: int = 0
    scored_split: str | None = None
    scored_frames: int | None = None
    scored_step: int | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    iou: Mapping[str, float] = field(default_factory=dict)
    train_seconds: float | None = None
    step_ms_median: float | None = None
    parameters: int | None = None
    peak_memory_mib: float | None = None
    data_fingerprint: str | None = None
    environment: Mapping[str, Any] = field(default_factory=dict)
    frames: Sequence[str] = ()
    classes: Sequence[str] = ()
    confusions: NDArray[np.int64] | None = None
    curves: Mapping[str, Sequence[tuple[int, float]]] = field(default_factory=dict)
    samples: Mapping[str, Sample] = field(default_factory=dict)


@dataclass(frozen=True)
class Latency:
    """The latency of one prediction of a cell, measured alone on an idle device.

    Attributes:
        rounds_ms: the median of each round.
        baseline_rounds_ms: the baseline's medians in the same rounds.
    """

    median_ms: float
    p95_ms: float
    rounds_ms: Sequence[float] = ()
    baseline_rounds_ms: Sequence[float] = ()


@dataclass(frozen=True)
class CellCost:
    """The cost of a cell at inference; None means not measured.

    Attributes:
        clip: every frame of the clip is encoded for each prediction.
        streaming: only the new frame is encoded; past frames are cached.
        gflops: of a clip prediction, 2 operations per multiply-add.
        memory_mib: the weights and tensors of a clip prediction.
    """

    clip: Latency | None = None
    streaming: Latency | None = None
    gflops: float | None = None
    memory_mib: float | None = None


@dataclass(frozen=True)
class ExperimentRecord:
    """All trials of an experiment, and the facts that the report gives about it as a whole.

    Attributes:
        cells: in the order of the spec, those without a finished trial included.
        costs: cell -> its cost at inference.
        latency_conditions: how latency was measured, and on which device; empty if it was not.
        source: the spec as written.
        command: the command that reproduces the experiment from its spec, saved as `spec.yaml`;
            empty if unknown.
        colours: class -> RGB.
        published: cell -> figures that others printed, by another protocol: `miou` (a fraction)
            and `train_seconds`, where they gave them.
        margin_points: the difference in points of mIoU that does not matter; None if not stated.
        looks: the number of seeds at each planned look; empty if a single look is planned.
        look: the look that the trials belong to, from 1.
        interim: why the verdicts are not final; None if they are.
    """

    name: str
    description: str
    baseline: str
    cells: Sequence[str]
    runs: Sequence[RunRecord]
    costs: Mapping[str, CellCost] = field(default_factory=dict)
    latency_conditions: Mapping[str, Any] = field(default_factory=dict)
    source: str = ""
    command: str = ""
    colours: Mapping[str, tuple[int, int, int]] = field(default_factory=dict)
    published: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    margin_points: float | None = None
    looks: Sequence[int] = ()
    look: int = 1
    interim: str | None = None

    @property
    def finished(self) -> list[RunRecord]:
        """The trials that have numbers."""
        return [run for run in self.runs if run.state == "FINISHED"]

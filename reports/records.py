"""An experiment as the report sees it: flat records, units in the field names."""

import math
from collections import Counter
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
        implied: the settings that follow from another one, such as options left at the default of
            their head; two heads may have different defaults for the same option.
        message: the error of a failed trial, or the damaged files of a finished one.
        attempts: how many times a worker started the trial.
        scored_step: the step whose weights were scored.
        metrics: metric -> value on the scored split; fractions.
        iou: class -> IoU; a class that does not occur is missing.
        train_seconds: training time, optimiser steps only.
        parameters: the number of trainable parameters used at inference.
        peak_memory_mib: the peak memory of the training run.
        environment: device, versions, commit.
        frames: the names of the scored frames as sequence/number, in order.
        classes: the names of the classes, in the order of the label values.
        confusions: (frames, classes, classes) pixel counts, rows are labels; None if not saved.
        curves: name, such as train/loss or val/miou -> (step, value) points.
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
class SampleRecord:
    """A sample of a search: a training with settings to try; None means that it has no score.

    Attributes:
        settings: the settings that are searched.
        steps: the steps that it was trained.
        score: its last score on val, a fraction.
        first_score: its score on val at the step at which all samples of its cell were compared.
        train_seconds: training time, optimiser steps only.
        is_best: whether its settings were found.
    """

    number: int
    settings: Mapping[str, Any]
    steps: int
    score: float | None = None
    first_score: float | None = None
    train_seconds: float | None = None
    is_best: bool = False


@dataclass(frozen=True)
class SearchRecord:
    """The search for the settings of one cell.

    Attributes:
        ranges: setting -> what it was chosen from, in words.
        method: how samples were chosen and ended, in words.
        samples_planned: the number of samples that the spec asks for.
        steps: the steps of a full sample.
        first_steps: the steps after which all samples were compared; fewer if some ended then.
        borders: setting -> the end of its range at which the best value lies: lower or upper.
        common_cell: the cell that keeps the settings of the spec; None if there is none.
    """

    cell: str
    ranges: Mapping[str, str]
    method: str
    samples_planned: int
    steps: int
    first_steps: int
    samples: Sequence[SampleRecord]
    borders: Mapping[str, str] = field(default_factory=dict)
    common_cell: str | None = None


@dataclass(frozen=True)
class Latency:
    """The latency of one prediction of a cell, measured alone on an idle device.

    Attributes:
        p95_ms: the 95th percentile; None if there were too few runs for one.
        rounds_ms: the median of each round, one worker process after the other.
        baseline_rounds_ms: the baseline's medians in the same rounds.
        process_p95_ms: the 95th percentile of each worker process.
        repeated_rounds_ms: for the baseline only, its second measurement in the same rounds.
    """

    median_ms: float
    p95_ms: float | None
    rounds_ms: Sequence[float] = ()
    baseline_rounds_ms: Sequence[float] = ()
    process_p95_ms: Sequence[float] = ()
    repeated_rounds_ms: Sequence[float] = ()


@dataclass(frozen=True)
class CellCost:
    """The cost of a cell at inference; None means not measured.

    Attributes:
        clip: the latency if every frame of the clip is encoded for each prediction.
        streaming: the latency if only the new frame is encoded; past frames are cached.
        gflops: 10^9 operations per clip prediction; a multiply-add counts as 2.
        memory_mib: the size of the weights and tensors of a clip prediction.
    """

    clip: Latency | None = None
    streaming: Latency | None = None
    gflops: float | None = None
    memory_mib: float | None = None


@dataclass(frozen=True)
class ExperimentRecord:
    """All trials of an experiment, and the facts about it as a whole.

    Attributes:
        cells: all cells in the order of the spec, including those without a finished trial.
        costs: cell -> its cost at inference.
        latency_conditions: how and on which device latency was measured; empty if it was not.
        source: the spec as written, with the overrides of the command line as a comment.
        command: the command that reproduces the experiment from its spec, saved as `spec.yaml`;
            empty if unknown.
        colours: class -> its RGB colour.
        published: cell -> results that others published under a different protocol: `miou` (a
            fraction) and `train_seconds`, if they state them.
        margin_points: the largest difference in points of mIoU that does not matter; None if the
            spec states none.
        looks: the number of seeds at each planned look; empty if a single look is planned.
        look: the look that the trials belong to, counted from 1.
        interim: why the verdicts are not final; None if they are. Cells that an earlier look has
            settled have a verdict all the same, unless the plan has changed.
        has_changed_plan: whether the planned seeds changed after trials had finished.
        uncompared: cell -> its score, for cells that only train weights for others and are scored
            on data of their own; they are not among `cells`.
        searches: the searches of the cells whose settings were tuned.
        own_baseline: the baseline that the spec states, if a report compares with another cell;
            else empty.
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
    has_changed_plan: bool = False
    uncompared: Mapping[str, str] = field(default_factory=dict)
    searches: Sequence[SearchRecord] = ()
    own_baseline: str = ""

    @property
    def finished(self) -> list[RunRecord]:
        """The trials that have numbers."""
        return [run for run in self.runs if run.state == "FINISHED"]


def check_record(record: ExperimentRecord) -> None:
    """Check that the fields of a record fit together.

    Raises:
        ValueError: naming the first contradiction.
    """
    cells = set(record.cells)
    if not record.name.strip():
        raise ValueError("the experiment has no name")
    if record.baseline not in cells:
        raise ValueError(f"baseline '{record.baseline}' is not a cell ({', '.join(record.cells)})")
    if record.own_baseline == record.baseline:
        raise ValueError(f"own_baseline '{record.own_baseline}' is the baseline: leave it out")
    if record.own_baseline and record.own_baseline not in cells:
        raise ValueError(
            f"own_baseline '{record.own_baseline}' is not a cell ({', '.join(record.cells)})"
        )
    strangers = sorted({run.cell for run in record.runs} - cells)
    if strangers:
        raise ValueError(f"trials of cells that the record does not list: {', '.join(strangers)}")
    for (cell, seed), count in Counter((run.cell, run.seed) for run in record.finished).items():
        if count > 1:
            raise ValueError(
                f"{count} finished trials of cell '{cell}' have seed {seed}: keep one of them"
            )
    if record.margin_points is not None and not 0 < record.margin_points < math.inf:
        raise ValueError(f"margin_points must be above 0 (got {record.margin_points})")
    if record.looks and not 1 <= record.look <= len(record.looks):
        raise ValueError(f"look must be from 1 to {len(record.looks)} (got {record.look})")
    for run in record.finished:
        _check_counts(run)


def _check_counts(run: RunRecord) -> None:
    """Check the per-frame counts of a trial against its frames and classes."""
    if run.confusions is None:
        return
    expected = (len(run.frames), len(run.classes), len(run.classes))
    if run.confusions.shape != expected:
        raise ValueError(
            f"trial {run.trial_id}: confusions have the shape {run.confusions.shape}, but its "
            f"frames and classes make {expected}"
        )
    unknown_classes = sorted(set(run.iou) - set(run.classes))
    if unknown_classes:
        raise ValueError(
            f"trial {run.trial_id}: iou has classes that 'classes' lacks: "
            f"{', '.join(unknown_classes)}"
        )

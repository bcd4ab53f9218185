"""The values of a latency measurement, as stored in `latency.json`. Imports no torch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

_CLOSED = ConfigDict(frozen=True, extra="forbid")

P95_RUNS = 200  # with fewer runs, the 95th percentile would depend on a handful of them


class TimedCell(NamedTuple):
    """A cell whose runs are timed in one form.

    Attributes:
        cell: the name of the cell.
        form: "clip" or "streaming".
        is_repetition: whether this is the second measurement of the baseline.
    """

    cell: str
    form: str
    is_repetition: bool = False


@dataclass(frozen=True)
class GroupTimes:
    """The times of networks that took turns in one process.

    Attributes:
        facts: cell -> the fields of its CellLatency that are counted, not timed.
        seconds: timed cell -> the seconds of each run in each round.
    """

    facts: Mapping[str, Mapping[str, Any]]
    seconds: Mapping[TimedCell, Sequence[Sequence[float]]]


@dataclass(frozen=True)
class ProcessTimes:
    """The times that one worker process measured.

    Attributes:
        environment: device and versions of the process, and the load by others meanwhile.
        groups: the times of each group of networks that took turns.
    """

    environment: Mapping[str, Any]
    groups: Sequence[GroupTimes]


class FormLatency(BaseModel):
    """The latency of one cell in one form (clip or streaming).

    Attributes:
        median_ms: median over all runs of all rounds.
        p95_ms: 95th percentile over the same runs, or None if there are fewer than 200.
        rounds_ms: median of each round, one process after the other.
        baseline_rounds_ms: the baseline's median in the same rounds; empty if there is no baseline.
        process_p95_ms: 95th percentile of each worker process; empty if `p95_ms` is None.
        repeated_rounds_ms: medians of the baseline's second measurement in the same rounds; empty
            for all other cells.
    """

    model_config = _CLOSED

    median_ms: float
    p95_ms: float | None
    rounds_ms: list[float]
    baseline_rounds_ms: list[float]
    process_p95_ms: list[float] = Field(default_factory=list)
    repeated_rounds_ms: list[float] = Field(default_factory=list)


class CellLatency(BaseModel):
    """The latency of one cell, and what its network needs.

    Attributes:
        trial_id: the trial whose network was measured, to notice when the cell's network changes.
        precision: precision of the arithmetic.
        parameters: the number of trainable parameters used at inference.
        gflops: 10^9 operations of a clip, in all its windows.
        peak_memory_mib: peak size of weights and tensors in one prediction.
        clip: latency with every frame of the clip encoded for each prediction.
        streaming: latency with only the new frame encoded; None if predictions use windows.
    """

    model_config = _CLOSED

    trial_id: str
    precision: str
    parameters: int
    gflops: float
    peak_memory_mib: float
    clip: FormLatency
    streaming: FormLatency | None = None


class LatencyMeasurement(BaseModel):
    """The latency of several cells, measured side by side.

    Attributes:
        conditions: device, versions, threads, load by other processes, batch size, processes,
            rounds and runs.
        cells: name of a cell -> its latency.
    """

    model_config = _CLOSED

    conditions: dict[str, Any] = Field(default_factory=dict)
    cells: dict[str, CellLatency] = Field(default_factory=dict)

    def trial_ids(self) -> dict[str, str]:
        """Return the trial that represents each cell."""
        return {name: cell.trial_id for name, cell in self.cells.items()}

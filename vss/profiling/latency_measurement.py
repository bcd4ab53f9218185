"""The values of a latency measurement, and their JSON form `latency.json`. Imports no torch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

_CLOSED = ConfigDict(frozen=True, extra="forbid")

P95_RUNS = 200  # below, the 95th percentile hangs on a handful of runs


class Timed(NamedTuple):
    """The thing whose runs are timed: a cell in one form.

    Attributes:
        repeated: it is the second measurement of the baseline.
    """

    cell: str
    form: str
    repeated: bool = False


@dataclass(frozen=True)
class GroupTimes:
    """The times of models that took turns in one process.

    Attributes:
        facts: cell -> the fields of its CellLatency that are counted rather than timed.
        seconds: of every run, by round.
    """

    facts: Mapping[str, Mapping[str, Any]]
    seconds: Mapping[Timed, Sequence[Sequence[float]]]


@dataclass(frozen=True)
class ProcessTimes:
    """The times that one worker process measured.

    Attributes:
        environment: its device and versions.
        groups: the models that took turns with each other.
    """

    environment: Mapping[str, Any]
    groups: Sequence[GroupTimes]


class FormLatency(BaseModel):
    """The latency of one model in one form (clip or streaming).

    Attributes:
        median_ms: median over all runs of all rounds.
        p95_ms: 95th percentile over them; None with fewer than 200 runs.
        process_p95_ms: the 95th percentile of each worker process; empty without one over all.
        rounds_ms: median of each round, one process after the other.
        baseline_rounds_ms: the baseline's median in the same rounds; empty without a baseline.
        repeated_rounds_ms: of the baseline, its second measurement in the same rounds; empty for
            other cells.
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
        trial_id: a trial of the cell; tells whether the cell's network is still the measured one.
        precision: of the arithmetic.
        parameters: trainable parameters used at inference.
        gflops: 10^9 operations of a clip, in all its windows.
        peak_memory_mib: weights and tensors of one prediction.
        clip: every frame of the clip encoded for each prediction.
        streaming: only the new frame encoded; None where predictions slide over windows.
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
        conditions: device, versions, threads, batch size, processes, rounds and runs.
        cells: name -> latency.
    """

    model_config = _CLOSED

    conditions: dict[str, Any] = Field(default_factory=dict)
    cells: dict[str, CellLatency] = Field(default_factory=dict)

    def trial_ids(self) -> dict[str, str]:
        """Return the trial that stood for each cell."""
        return {name: cell.trial_id for name, cell in self.cells.items()}

"""The values of a latency measurement, and their JSON form `latency.json`. Imports no torch."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

_CLOSED = ConfigDict(frozen=True, extra="forbid")


class FormLatency(BaseModel):
    """The latency of one model in one form (clip or streaming).

    Attributes:
        median_ms: median over all runs of all rounds.
        p95_ms: 95th percentile over them.
        rounds_ms: median of each round.
        baseline_rounds_ms: the baseline's median in the same rounds; empty without a baseline.
    """

    model_config = _CLOSED

    median_ms: float
    p95_ms: float
    rounds_ms: list[float]
    baseline_rounds_ms: list[float]


class CellLatency(BaseModel):
    """The latency of one cell, and what its network needs.

    Attributes:
        trial_id: a trial of the cell; tells whether the cell's network is still the measured one.
        precision: of the arithmetic.
        parameters: trainable parameters used at inference.
        gflops: 10^9 operations of a clip.
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
        conditions: device, versions, threads, batch size, rounds and runs.
        cells: name -> latency.
    """

    model_config = _CLOSED

    conditions: dict[str, Any] = Field(default_factory=dict)
    cells: dict[str, CellLatency] = Field(default_factory=dict)

    def trial_ids(self) -> dict[str, str]:
        """Return the trial that stood for each cell."""
        return {name: cell.trial_id for name, cell in self.cells.items()}

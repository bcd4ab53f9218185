"""Leases and cancellations as plain values; no database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Lease:
    """The right of a live driver to run an experiment.

    Attributes:
        driver: the id of the driver.
        host: the machine that it runs on.
        pid: its process there.
        job: the id of the Ray job that it is; None if it runs in a user's terminal.
        is_cancelled: whether it has been asked to end.
        activity: what it does while no trial runs, or None.
    """

    driver: str
    host: str
    pid: int
    job: str | None
    is_cancelled: bool
    activity: str | None = None

    def describe(self) -> str:
        """Return the driver as text: "a submit on node1 (process 17)"."""
        if self.job is not None:
            return f"the detached submit {self.job} on {self.host}"
        return f"a submit on {self.host} (process {self.pid})"


@dataclass(frozen=True)
class Cancellation:
    """What has been cancelled.

    Attributes:
        cancelled: the trials that no driver was running; they are CANCELLED now.
        stopping: the trials that their driver has been asked to stop.
        kept: trial -> the running experiment that it has been left to.
        lease: the driver that has been asked to end; None if there was none.
    """

    cancelled: Sequence[str]
    stopping: Sequence[str]
    kept: Mapping[str, str] = field(default_factory=dict)
    lease: Lease | None = None

"""The loop of a driver: start the next job wherever there is room, and pass on what happens."""

import functools
from typing import Protocol

from orchestrator.execution.job import Events, Executor, Job, SlotSize
from orchestrator.execution.stop_requests import StopRequests

_POLL_SECONDS = 0.5


class Jobs(Protocol):
    """A source of jobs, for example the open trials of an experiment."""

    @property
    def size(self) -> SlotSize:
        """The share of a machine that the next job needs."""

    def count_ready(self) -> int:
        """Update the source, and return how many jobs could start now."""

    def take(self) -> Job | None:
        """Return the next job, or None if another submit was faster."""

    def is_over(self) -> bool:
        """Return whether no job is left to wait for, as of the last `count_ready`."""


def run_jobs(jobs: Jobs, executor: Executor, events: Events, stop: StopRequests) -> None:
    """Run jobs until none is left, or until those that run have stopped.

    Args:
        jobs: the source of jobs.
        executor: the place where they run.
        events: a receiver of heartbeats and outcomes.
        stop: polled continuously; once it is for all, no further job starts.
    """
    while True:
        ready = 0 if stop.is_for_all() else jobs.count_ready()
        for _ in range(min(ready, executor.free_slots(jobs.size, ready))):
            if (job := jobs.take()) is not None:
                executor.start(job, functools.partial(stop.is_for, job.trial_id))
        if executor.is_idle and (stop.is_for_all() or jobs.is_over()):
            return
        executor.poll(events, _POLL_SECONDS)

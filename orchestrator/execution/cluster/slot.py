"""A slot: a worker process that holds its share of a machine and runs one trial after the other.

A process that has used a GPU cannot move to another one, so slots are Ray actors, which keep their
process and their GPU. (Tasks are as fast on CPUs, but may get a process that belongs to another
GPU.)
"""

import math
import queue
import threading
import time
import traceback
from collections.abc import Iterator
from typing import Any

import ray

from orchestrator.execution.cluster.metrics import publish_heartbeat
from orchestrator.execution.cluster.nodes import ray_options
from orchestrator.execution.job import Failure, Heartbeat, Job, Outcome, ShouldStop, SlotSize
from orchestrator.ledger.entries import State
from orchestrator.secrecy import redact
from orchestrator.secrecy.streams import redact_output

_NO_RESULT = Outcome(
    State.FAILED,
    "the worker exited without reporting a result",
    failure=Failure.TRANSIENT,
    process_is_broken=True,
)


class Worker:
    """The process of a slot, whose methods run in threads of their own."""

    def __init__(self) -> None:
        self._stopped: tuple[str, int | None] | None = None
        redact_output()  # Ray keeps what is printed here in files that anybody can read

    def warm_up(self) -> None:
        """Import what trials need: PyTorch takes seconds."""
        import orchestrator.execution.worker  # noqa: F401

    def run(self, job: Job) -> Iterator[Heartbeat | Outcome]:
        """Run a job, and yield its heartbeats and its outcome.

        It runs in a thread of its own: a heartbeat is put into a queue and never blocks a step,
        even while the driver is paused.
        """
        items: queue.SimpleQueue[Heartbeat | Outcome | None] = queue.SimpleQueue()
        threading.Thread(
            target=_run_job, args=(job, items, lambda: self._stopped == _attempt(job)), daemon=True
        ).start()
        while (item := items.get()) is not None:
            yield item

    def stop(self, attempt: tuple[str, int | None]) -> None:
        """Stop an attempt at its next step, also one that has not started yet."""
        self._stopped = attempt


def _attempt(job: Job) -> tuple[str, int | None]:
    return job.trial_id, job.inputs.attempt


def _run_job(
    job: Job,
    items: "queue.SimpleQueue[Heartbeat | Outcome | None]",
    should_stop: ShouldStop,
) -> None:
    """Run a job, and put its heartbeats, its outcome and a final None into a queue."""
    from orchestrator.execution.worker import run_job

    def report(heartbeat: Heartbeat) -> None:
        items.put(heartbeat)
        publish_heartbeat(job, heartbeat)

    try:
        items.put(run_job(job, report, should_stop))
    except Exception as error:
        items.put(
            Outcome(
                State.FAILED,
                redact(f"{type(error).__name__}: {error}".splitlines()[0]),
                redact(traceback.format_exc()),
                Failure.TRANSIENT,
                process_is_broken=True,
            )
        )
    finally:
        items.put(None)  # also if a library calls sys.exit(), which ends only this thread


class Slot:
    """A slot as its driver sees it: it opens, then it is free or runs a trial.

    Attributes:
        size: the share of a machine that it holds.
        trial_id: the trial that runs in it, or None.
        waits_for: the reference whose value comes next: the end of the warm-up, or an item of the
            running trial; None if the slot is free.
    """

    def __init__(self, size: SlotSize, name: str) -> None:
        """Ask Ray for a worker.

        Args:
            size: the share of a machine that it holds.
            name: its name in the Ray dashboard, which no other slot of this driver had.
        """
        actor: Any = ray.remote(Worker)
        self.size = size
        self.trial_id: str | None = None
        # Two threads: a request to stop is received while a trial runs.
        self._actor = actor.options(**ray_options(size), name=name, max_concurrency=2).remote()
        self.waits_for: Any = self._actor.warm_up.options(name="warm up").remote()
        self._opened_at: float | None = None
        self._idle_since = 0.0
        self._job: Job | None = None
        self._should_stop: ShouldStop = lambda: False

    @property
    def actor_id(self) -> str:
        """The id of its worker."""
        actor_id: str = self._actor._actor_id.hex()
        return actor_id

    @property
    def is_free(self) -> bool:
        """Whether a job can start in it at once."""
        return self.waits_for is None

    def idle_seconds(self) -> float:
        """Return the time since the last trial; infinite while Ray has no room for the slot."""
        return math.inf if self._opened_at is None else time.monotonic() - self._idle_since

    def held_seconds(self) -> float:
        """Return the time since Ray made room for the slot."""
        return 0.0 if self._opened_at is None else time.monotonic() - self._opened_at

    def start(self, job: Job, should_stop: ShouldStop) -> None:
        """Run a job in this slot, which must be free, until it ends or `should_stop` says so."""
        self.trial_id, self._job, self._should_stop = job.trial_id, job, should_stop
        name = job.tracking.run_name if job.tracking else job.trial_id
        run = self._actor.run.options(num_returns="streaming", name=name)
        self.waits_for = run.remote(job)

    def pass_on_stop(self) -> None:
        """Tell the worker, once, that its trial should stop."""
        if self._job is not None and self._should_stop():
            self._actor.stop.remote(_attempt(self._job))
            self._job = None

    def receive(self) -> Heartbeat | Outcome | None:
        """Return what has arrived; None at the end of the warm-up.

        A worker whose items end without an outcome counts as lost.

        Raises:
            RayError: if the worker was lost.
        """
        if self.trial_id is None:
            ray.get(self.waits_for)
            self._opened_at = time.monotonic()
            self._become_free()
            return None
        reference = next(self.waits_for, None)
        item: Heartbeat | Outcome = _NO_RESULT if reference is None else ray.get(reference)
        if isinstance(item, Outcome):
            self._become_free()
        return item

    def close(self) -> None:
        """End the process."""
        ray.kill(self._actor)

    def _become_free(self) -> None:
        self.trial_id, self.waits_for, self._job = None, None, None
        self._idle_since = time.monotonic()

"""The Ray executor: trials in slots, as many as the cluster has room for."""

import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import ray
from ray.exceptions import OutOfMemoryError, RayError, RayTaskError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from orchestrator.execution.cluster.metrics import publish_states
from orchestrator.execution.cluster.nodes import (
    any_waits_for,
    check_fits,
    count_slots,
    describe_machines,
    live_nodes,
    ray_options,
    run_on_first,
)
from orchestrator.execution.cluster.slot import Slot
from orchestrator.execution.job import (
    Events,
    Failure,
    Heartbeat,
    Job,
    Outcome,
    ShouldStop,
    SlotSize,
)
from orchestrator.execution.nodes.data_source import DataSource, read_fingerprint
from orchestrator.execution.nodes.machine import Machine
from orchestrator.ledger.entries import State, TrialStatus
from vss.errors import UserError
from vss.profiling.latency import ProcessReport, measure_latency, run_process
from vss.profiling.latency_measurement import LatencyMeasurement, ProcessTimes
from vss.training.inputs import Compute
from vss.trial_config import TrialConfig

_IDLE_SECONDS = 30.0  # after which a slot that has nothing to run is given back
_SHARE_SECONDS = 30.0  # after which a slot goes to another submit that waits, between two trials
_POLITE_SECONDS = 2.0  # in which Ray hands it over, before this submit asks for another one
_STOP_SECONDS = 0.5  # after which a measurement stops at the latest
_MOST_FAILED_STARTS = 5


class RayExecutor:
    """An executor on the Ray cluster that this process is connected to."""

    def __init__(
        self,
        dashboard_url: str | None,
        name: str = "vss-orch",
        check_ray: Callable[[bool], None] = lambda is_suspicious: None,
    ) -> None:
        """Prepare an executor without slots.

        Args:
            dashboard_url: address of the Ray dashboard, or None if there is none.
            name: the beginning of the names of slots there.
            check_ray: raises an error if Ray has died; it is called all the time, with True where
                something has gone wrong.
        """
        self.dashboard_url = dashboard_url
        self._name = name
        self._check_ray = check_ray
        self._slot_numbers = itertools.count(1)
        self._slots: list[Slot] = []
        self._failed_starts = 0
        self._may_ask_at = 0.0

    @property
    def is_idle(self) -> bool:
        """Whether no job runs."""
        return not any(slot.trial_id for slot in self._slots)

    @property
    def node_count(self) -> int:
        """Number of nodes that are alive."""
        return len(live_nodes())

    def check_fits(self, size: SlotSize) -> None:
        """Check that some node can run a trial at all.

        Raises:
            UserError: naming what a trial needs and what the nodes have.
        """
        check_fits(size)

    def machines(self, size: SlotSize) -> list[Machine]:
        """Return the nodes on which a trial fits."""
        return describe_machines(size)

    def read_fingerprint(self, config: TrialConfig, source: DataSource, size: SlotSize) -> str:
        """Return the fingerprint of data, read by the first node that has it."""
        return run_on_first(size, read_fingerprint, config, source)

    def whole_device(self, size: SlotSize) -> SlotSize:
        """Return the size with a whole GPU, or all cores of the largest machine."""
        if size.gpus:
            return replace(size, gpus=max(1.0, size.gpus))
        return SlotSize(max(node.get("CPU", 0) for node in live_nodes().values()), 0)

    def trials_on_device(self, size: SlotSize) -> int:
        """Return how many trials fit on one GPU, or on the cores of the largest machine."""
        if size.gpus:
            return max(1, int(1 / size.gpus))
        return max(1, int(max(node.get("CPU", 0) for node in live_nodes().values()) / size.cpus))

    def free_slots(self, size: SlotSize, job_count: int) -> int:
        """Return how many slots of a size are free; ask Ray for more, and give back the others."""
        self._check_ray(False)
        self._give_back(size, job_count)
        missing = job_count - sum(slot.trial_id is None for slot in self._slots)
        if missing > 0 and time.monotonic() >= self._may_ask_at:
            nodes = live_nodes().values()
            if not nodes:
                raise UserError("the Ray cluster has no live node any more: start it again")
            capacity = max(1, sum(count_slots(node, size) for node in nodes))
            alike = sum(slot.size == size for slot in self._slots)
            self._slots += [
                Slot(size, f"{self._name}, slot {next(self._slot_numbers)}")
                for _ in range(min(missing, capacity - alike))
            ]
        return sum(slot.is_free for slot in self._slots)

    def start(self, job: Job, should_stop: ShouldStop) -> None:
        """Start a job in a free slot; `poll` tells it to stop once `should_stop` says so."""
        next(slot for slot in self._slots if slot.is_free).start(job, should_stop)

    def poll(self, events: Events, seconds: float) -> None:
        """Pass on heartbeats until a job ends, a slot becomes free, or `seconds` have passed."""
        self._check_ray(False)
        deadline = time.monotonic() + seconds
        for slot in self._slots:
            slot.pass_on_stop()
        while True:
            remaining = max(0.0, deadline - time.monotonic())
            waiting = {slot.waits_for: slot for slot in self._slots if slot.waits_for is not None}
            if not waiting:
                time.sleep(remaining)
                return
            ready, _ = ray.wait(list(waiting), timeout=remaining, fetch_local=False)
            if not ready or self._handle(waiting[ready[0]], events):
                return

    def publish_states(self, experiment: str, trials: Sequence[TrialStatus]) -> None:
        """Publish the number of an experiment's trials in each state as Ray's metrics."""
        publish_states(experiment, trials)

    def close(self) -> None:
        """Give back all slots."""
        for slot in self._slots:
            slot.close()
        self._slots = []

    def measure_latency(
        self,
        cells: Mapping[str, TrialConfig],
        baseline: str,
        size: SlotSize,
        report: ProcessReport,
        should_stop: ShouldStop,
    ) -> LatencyMeasurement:
        """Measure the cells in workers, each with a whole GPU if trials use GPUs.

        The workers measure one after the other, on the same machine; each is a new process.
        """
        self.close()
        compute = Compute.from_resources(size.cpus, 1.0 if size.gpus else 0.0)
        # max_calls: a worker that was used before would be no new process.
        remote = ray.remote(max_calls=1)(_measure_in_worker)
        resources = ray_options(replace(size, gpus=1.0 if size.gpus else 0.0))
        node_ids: list[str] = []

        def measure(number: int) -> ProcessTimes:
            options = {**resources, "name": "measure latency"}
            if node_ids:
                options["scheduling_strategy"] = NodeAffinitySchedulingStrategy(
                    node_ids[0], soft=False
                )
            worker = remote.options(**options).remote(dict(cells), baseline, compute, number)
            node_id, times = self._wait_for(worker, should_stop)
            node_ids.append(node_id)
            return times

        return measure_latency(cells, baseline, compute, measure, report=report)

    def _wait_for(self, worker: Any, should_stop: ShouldStop) -> tuple[str, ProcessTimes]:
        """Return what a worker has measured; end it if Ray dies, or if it should stop."""
        try:
            while not ray.wait([worker], timeout=_STOP_SECONDS)[0]:
                self._check_ray(False)
                if should_stop():
                    raise KeyboardInterrupt
        except KeyboardInterrupt:
            ray.cancel(worker, force=True)
            raise
        measured: tuple[str, ProcessTimes] = ray.get(worker)
        return measured

    def _give_back(self, size: SlotSize, job_count: int) -> None:
        """Close slots that nothing is left for, or that another submit waits for."""
        spare = sum(s.trial_id is None and s.size == size for s in self._slots) - job_count
        for slot in [s for s in self._slots if s.trial_id is None]:
            is_spare = spare > 0 and slot.idle_seconds() >= _IDLE_SECONDS
            if slot.size != size or is_spare or self._is_awaited(slot):
                spare -= slot.size == size
                self._slots.remove(slot)
                slot.close()

    def _is_awaited(self, slot: Slot) -> bool:
        """Return whether another submit waits for a slot that this one has had for a while."""
        if not slot.is_free or slot.held_seconds() < _SHARE_SECONDS:
            return False
        own_ids = {own.actor_id for own in self._slots}
        if not any_waits_for(ray_options(slot.size), own_ids):
            return False
        self._may_ask_at = time.monotonic() + _POLITE_SECONDS
        return True

    def _handle(self, slot: Slot, events: Events) -> bool:
        """Pass on what a slot has to say; return whether a job ended or a slot became free."""
        trial_id = slot.trial_id
        try:
            item = slot.receive()
        except RayError as error:
            self._check_ray(True)  # before the trial is blamed
            self._slots.remove(slot)
            slot.close()
            if trial_id is None:
                self._note_failed_start(error)
            else:
                events.on_end(trial_id, _outcome_of_loss(error))
            return True
        self._failed_starts = 0
        if trial_id is None or item is None:
            return True
        if isinstance(item, Heartbeat):
            events.on_heartbeat(trial_id, item)
            return False
        if item.process_is_broken:
            self._slots.remove(slot)
            slot.close()
        events.on_end(trial_id, item)
        return True

    def _note_failed_start(self, error: RayError) -> None:
        self._failed_starts += 1
        if isinstance(error, RayTaskError) or self._failed_starts >= _MOST_FAILED_STARTS:
            reason = str(error).strip().splitlines()[-1]
            raise UserError(f"Ray's workers cannot start: {reason}") from error


def _outcome_of_loss(error: RayError) -> Outcome:
    """Describe a lost worker: killed, out of memory, or its node gone."""
    kind = Failure.TRANSIENT
    if isinstance(error, RayTaskError):
        kind = Failure.FINAL  # an error of our own code outside the trial
    if isinstance(error, OutOfMemoryError):
        kind = Failure.OUT_OF_MEMORY
    details = str(error).strip()
    reason = details.splitlines()[-1].partition(" Some common causes")[0]
    return Outcome(State.FAILED, f"the worker was lost: {reason}", details, kind)


def _measure_in_worker(
    cells: Mapping[str, TrialConfig], baseline: str, compute: Compute, number: int
) -> tuple[str, ProcessTimes]:
    """Return the node of this worker and what it measured."""
    node_id: str = ray.get_runtime_context().get_node_id()
    return node_id, run_process(cells, baseline, compute, number=number)

"""One training run on several GPUs of a machine: each process takes its share of every batch.

The gradient is that of the whole batch: each process scales its loss by its share of the labelled
pixels, and DistributedDataParallel averages. There are two exceptions: hard example mining picks
its pixels within each process, and on a CPU batch norm sees only the clips of one process (CUDA has
SyncBatchNorm).
"""

import os
import queue
import tempfile
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from vss.errors import UserError
from vss.patience import Patience
from vss.training.inputs import Callbacks, TrialInputs, TrialResult

_TIMEOUT = timedelta(hours=12)  # the first process scores and saves while the others wait
_POLL_SECONDS = 0.2
_STORAGE_SECONDS = 2.0  # from one attempt to write to the next


@dataclass(frozen=True)
class Replica:
    """One of the processes that train together, from its own point of view.

    Attributes:
        rank: its number, from 0; process 0 reports, saves and scores.
        count: the number of processes.
        device: the device on which it computes.
    """

    rank: int = 0
    count: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    def share(self, batch_size: int) -> slice:
        """Return the positions in a batch that this process computes.

        Raises:
            UserError: if the batch cannot be divided evenly.
        """
        if batch_size % self.count:
            raise UserError(
                f"a batch_size of {batch_size} cannot be divided among {self.count} GPUs: make it "
                f"a multiple of {self.count}, or set gpus to 1"
            )
        size = batch_size // self.count
        return slice(self.rank * size, (self.rank + 1) * size)

    def weigh(self, loss: Tensor, label_weight: Tensor) -> Tensor:
        """Scale a share's loss so that the mean over processes is the loss of the whole batch.

        Args:
            loss: the mean over the labelled pixels of the share.
            label_weight: the number of these pixels, or the sum of their weights.
        """
        if self.count == 1:
            return loss
        total = label_weight.detach().clone()
        dist.all_reduce(total)
        return loss * (label_weight * self.count / total.clamp(min=torch.finfo(total.dtype).tiny))

    def mean(self, value: Tensor) -> Tensor:
        """Average a value over processes."""
        if self.count == 1:
            return value
        total = value.detach().clone()
        dist.all_reduce(total)
        return total / self.count

    def agree(self, decision: bool) -> bool:
        """Return the decision of the first process, so that all processes act on the same one."""
        if self.count == 1:
            return decision
        first_decision = torch.tensor(float(decision), device=self.device)
        dist.broadcast(first_decision, src=0)
        return bool(first_decision.item())

    def wrap(self, model: Any) -> Callable[[Tensor], Sequence[Tensor]]:
        """Return the model in the form that training calls."""
        if self.count == 1:
            unwrapped: Callable[[Tensor], Sequence[Tensor]] = model
            return unwrapped
        on_gpu = self.device.type == "cuda"
        if on_gpu:
            model = nn.SyncBatchNorm.convert_sync_batchnorm(model)
        return nn.parallel.DistributedDataParallel(
            model, device_ids=[self.device.index] if on_gpu else None
        )


SINGLE_PROCESS = Replica()
Work = Callable[[TrialInputs, Callbacks, Replica], TrialResult | None]


def run_replicas(work: Work, inputs: TrialInputs, callbacks: Callbacks) -> TrialResult | None:
    """Run `work(inputs, callbacks, replica)` in as many processes as `inputs.compute` says.

    Args:
        work: a module-level function; each process calls it with callbacks of its own.
        inputs: the inputs of every process.
        callbacks: the functions to call in the calling process, with reports from process 0.

    Returns:
        the result of the first process.

    Raises:
        UserError: if one of the processes raised it.
        RuntimeError: if a process died, or raised any other error; then with its traceback.
    """
    context = torch.multiprocessing.get_context("spawn")
    messages, stop_event = context.Queue(), context.Event()
    with tempfile.TemporaryDirectory() as folder:
        shared = (inputs, str(Path(folder) / "store"), messages, stop_event, work)
        ranks = range(inputs.compute.processes)
        processes = [context.Process(target=_run_rank, args=(rank, *shared)) for rank in ranks]
        for process in processes:
            process.start()
        try:
            return _wait_for_result(processes, messages, stop_event, callbacks)
        finally:
            for process in processes:
                process.join(timeout=5)
                if process.is_alive():
                    process.kill()
                    process.join()


def _wait_for_result(
    processes: Sequence[Any], messages: Any, stop_event: Any, callbacks: Callbacks
) -> TrialResult | None:
    while True:
        if callbacks.should_stop():
            stop_event.set()
        try:
            kind, content = messages.get(timeout=_POLL_SECONDS)
        except queue.Empty:
            if exit_codes := [p.exitcode for p in processes if p.exitcode not in (None, 0)]:
                raise RuntimeError(f"a training process died (exit code {exit_codes[0]})") from None
            continue
        match kind:
            case "report":
                callbacks.report(content)
            case "storage":
                _pass_on_storage(content, callbacks.storage)
            case "result":
                result: TrialResult | None = content
                return result
            case "user error":
                raise UserError(content)
            case _:
                raise RuntimeError(content)


class _PatienceOfRank:
    """Waits for the storage in a process; what it waits for is the calling process' affair."""

    def __init__(self, messages: Any, stop_event: Any) -> None:
        self._messages = messages
        self._stop_event = stop_event
        self._is_waiting = False

    def begin(self, error: OSError) -> None:
        """Tell the calling process, which may end this one."""
        if self._stop_event.is_set():
            raise error
        self._is_waiting = True
        self._messages.put(("storage", (error.errno, error.strerror)))

    def wait(self) -> None:
        """Wait for a moment, or until a request to stop."""
        self._stop_event.wait(_STORAGE_SECONDS)

    def end(self) -> None:
        """Tell the calling process that the wait is over."""
        if self._is_waiting:
            self._is_waiting = False
            self._messages.put(("storage", None))


def _pass_on_storage(error: tuple[int, str] | None, patience: Patience) -> None:
    if error is None:
        patience.end()
    else:
        patience.begin(OSError(*error))


def _run_rank(
    rank: int, inputs: TrialInputs, store: str, messages: Any, stop_event: Any, work: Work
) -> None:
    """Run one process; processes meet through a file, so that no port is opened."""
    compute = inputs.compute
    on_gpu = compute.device_type == "cuda"
    device = torch.device("cuda", rank) if on_gpu else torch.device("cpu")
    if on_gpu:
        torch.cuda.set_device(device)
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    os.environ.setdefault("NCCL_SOCKET_IFNAME", "lo")

    def report(content: Any) -> None:
        if rank == 0:
            messages.put(("report", content))

    try:
        dist.init_process_group(
            "nccl" if on_gpu else "gloo",
            init_method=f"file://{store}",
            rank=rank,
            world_size=compute.processes,
            timeout=_TIMEOUT,
        )
        replica = Replica(rank, compute.processes, device)
        patience = _PatienceOfRank(messages, stop_event)
        result = work(inputs, Callbacks(report, stop_event.is_set, patience), replica)
        if rank == 0:
            messages.put(("result", result))
        dist.destroy_process_group()
    except UserError as error:
        messages.put(("user error", str(error)))
    except Exception:
        messages.put(("failure", traceback.format_exc()))

"""One training on several GPUs of one machine: every process takes its share of each batch.

The gradient is that of the whole batch: each process scales its loss by its share of the labelled
pixels, and DistributedDataParallel averages. Exceptions, stated: hard example mining picks its
pixels in each process; batch norm sees a process' own clips on a CPU (SyncBatchNorm on CUDA).
"""

import os
import queue
import tempfile
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from vss.errors import UserError

_PATIENCE = timedelta(hours=12)  # the first process scores and saves while the others wait
_POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Workers:
    """The processes of one training, as one of them sees it.

    Attributes:
        rank: 0 for the one that reports, saves and scores.
        count: of processes.
    """

    rank: int = 0
    count: int = 1

    def share(self, batch_size: int) -> slice:
        """The places of a batch that are this process'.

        Raises:
            UserError: if the batch cannot be shared out evenly.
        """
        if batch_size % self.count:
            raise UserError(
                f"a batch_size of {batch_size} cannot be shared by {self.count} GPUs: make it a "
                f"multiple of {self.count}, or set gpus to 1"
            )
        each = batch_size // self.count
        return slice(self.rank * each, (self.rank + 1) * each)

    def weigh(self, loss: Tensor, labelled: Tensor) -> Tensor:
        """A mean over a share's labelled pixels, so scaled that the mean over processes is right.

        Args:
            loss: mean over the pixels of the share.
            labelled: how many these are, or the sum of their weights.
        """
        if self.count == 1:
            return loss
        total = labelled.detach().clone()
        dist.all_reduce(total)
        return loss * (labelled * self.count / total.clamp(min=torch.finfo(total.dtype).tiny))

    def mean(self, value: Tensor) -> Tensor:
        """Over processes."""
        if self.count == 1:
            return value
        total = value.detach().clone()
        dist.all_reduce(total)
        return total / self.count

    def agree(self, decision: bool, device: torch.device) -> bool:
        """What the first process decides."""
        if self.count == 1:
            return decision
        told = torch.tensor(float(decision), device=device)
        dist.broadcast(told, src=0)
        return bool(told.item())

    def wrap(self, model: Any, device: torch.device) -> Callable[[Tensor], Sequence[Tensor]]:
        """The model as it is called in training."""
        if self.count == 1:
            unwrapped: Callable[[Tensor], Sequence[Tensor]] = model
            return unwrapped
        if device.type == "cuda":
            model = nn.SyncBatchNorm.convert_sync_batchnorm(model)
        # Of a head some outputs, and frames that repeat, may have no part in the loss.
        return nn.parallel.DistributedDataParallel(
            model,
            device_ids=[device.index] if device.type == "cuda" else None,
        )


ALONE = Workers()


def run_together(
    count: int,
    device_type: str,
    work: Callable[..., Any],
    arguments: Sequence[Any],
    report: Callable[[Any], None],
    should_stop: Callable[[], bool],
) -> Any:
    """Run `work(workers, device, *arguments, report=..., should_stop=...)` in several processes.

    Args:
        count: of processes.
        device_type: cuda (each process has its own) or cpu.
        work: a function at module level.
        arguments: that can be pickled.
        report: called with what the first process reports.
        should_stop: asked all the time.

    Returns:
        what the first process returns.

    Raises:
        UserError: as raised in one of the processes.
        RuntimeError: if one failed in another way, with its traceback, or died.
    """
    context = torch.multiprocessing.get_context("spawn")
    told, stop = context.Queue(), context.Event()
    with tempfile.TemporaryDirectory() as folder:
        common = (count, device_type, str(Path(folder) / "store"), told, stop, work, arguments)
        processes = [context.Process(target=_rank, args=(rank, *common)) for rank in range(count)]
        for process in processes:
            process.start()
        try:
            return _listen(processes, told, stop, report, should_stop)
        finally:
            for process in processes:
                process.join(timeout=5)
                if process.is_alive():
                    process.kill()
                    process.join()


def _listen(
    processes: Sequence[Any],
    told: Any,
    stop: Any,
    report: Callable[[Any], None],
    should_stop: Callable[[], bool],
) -> Any:
    while True:
        if should_stop():
            stop.set()
        try:
            kind, content = told.get(timeout=_POLL_SECONDS)
        except queue.Empty:
            if gone := [p.exitcode for p in processes if p.exitcode not in (None, 0)]:
                raise RuntimeError(
                    f"a process of the training died (exit code {gone[0]})"
                ) from None
            continue
        match kind:
            case "report":
                report(content)
            case "result":
                return content
            case "mistake":
                raise UserError(content)
            case _:
                raise RuntimeError(content)


def _rank(
    rank: int,
    count: int,
    device_type: str,
    store: str,
    told: Any,
    stop: Any,
    work: Callable[..., Any],
    arguments: Sequence[Any],
) -> None:
    """One process: joins the others through a file, so that no port is opened to the network."""
    on_gpu = device_type == "cuda"
    device = torch.device("cuda", rank) if on_gpu else torch.device("cpu")
    if on_gpu:
        torch.cuda.set_device(device)
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    os.environ.setdefault("NCCL_SOCKET_IFNAME", "lo")
    try:
        dist.init_process_group(
            "nccl" if on_gpu else "gloo",
            init_method=f"file://{store}",
            rank=rank,
            world_size=count,
            timeout=_PATIENCE,
        )
        tell: Callable[[Any], None] = lambda content: told.put(("report", content))  # noqa: E731
        found = work(
            Workers(rank, count),
            device,
            *arguments,
            report=tell if rank == 0 else lambda content: None,
            should_stop=stop.is_set,
        )
        if rank == 0:
            told.put(("result", found))
        dist.destroy_process_group()
    except UserError as error:
        told.put(("mistake", str(error)))
    except Exception:
        told.put(("failure", traceback.format_exc()))

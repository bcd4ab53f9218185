"""Attention: our implementations against the published ones, in time and peak memory.

    python benchmarks/attention.py [--device cuda] [--dtype bfloat16] [--case full] [--threads 2]

Both implementations in a row take turns in one process (medians). The peak memory that each adds is
measured in a separate process (CPU) or by the allocator (CUDA). Inputs are projected queries, keys
and values of batch 1 with the published widths: 64 and 256, for criss-cross 64 and 512. The
published implementations are written out below.
"""

import argparse
import multiprocessing
import platform
import resource
import statistics
import time
from collections.abc import Callable
from multiprocessing.connection import Connection

import torch
import torch.nn.functional as F
from torch import Tensor

from vss.models.attention import AXES, criss_cross_attention, full_attention
from vss.models.pyramid_tokens import PYRAMID_BINS, pool_over_time, pyramid_pool
from vss.runtime.environment import describe_environment

Attention = Callable[[Tensor, Tensor, Tensor], Tensor]

# These functions take queries (1, K, H, W), keys and values (1, T, C, H, W).


def our_full(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    keys, values = (x.transpose(1, 2).flatten(2) for x in (key, value))
    return full_attention(query.flatten(2), keys, values, scale=1.0)


def plain_attention(query: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Compute attention as two batched products around a softmax."""
    weights = torch.softmax(torch.bmm(query.flatten(2).mT, keys), dim=2)
    return torch.bmm(values, weights.mT)


def published_full(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Compute attention as TMANet's code does."""
    return plain_attention(query, *(x.transpose(1, 2).flatten(2) for x in (key, value)))


def our_pyramid(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    tokens = [pyramid_pool(x.flatten(0, 1)).unflatten(0, x.shape[:2]) for x in (key, value)]
    keys, counts = pool_over_time(tokens[0], "cube")
    values, _ = pool_over_time(tokens[1], "cube")
    return full_attention(query.flatten(2), keys, values, 1.0, counts)


def published_pyramid(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Attend to tokens of ANN's three-dimensional pooling, over the whole clip at every call."""
    return plain_attention(
        query,
        *(
            torch.cat(
                [F.adaptive_avg_pool3d(x.transpose(1, 2), b).flatten(2) for b in PYRAMID_BINS],
                dim=2,
            )
            for x in (key, value)
        ),
    )


# These functions take queries, keys and values (1, T, H, W, C).


def select_axes(clip: Tensor) -> tuple[str, ...]:
    return ("column", "row") if clip.shape[1] == 1 else ("time", "column", "row")


def our_criss_cross(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    return criss_cross_attention(query, key, value, select_axes(query))


def published_criss_cross(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Compute attention as CCNet's code does, masking the query's own position on repeated axes."""
    axes = select_axes(query)
    logits = []
    for number, axis in enumerate(axes):
        dim = AXES[axis]
        along = query.movedim(dim, 3) @ key.movedim(dim, 3).mT
        if number < len(axes) - 1:
            own_position = torch.eye(along.shape[-1], dtype=torch.bool, device=along.device)
            along = along + torch.zeros_like(along).masked_fill(own_position, -torch.inf)
        logits.append(along.movedim(3, dim))
    weights = torch.softmax(torch.cat(logits, dim=4), dim=4)
    parts = weights.split([x.shape[4] for x in logits], dim=4)
    context = torch.zeros_like(value)
    for axis, part in zip(axes, parts, strict=True):
        dim = AXES[axis]
        context = context + (part.movedim(dim, 3) @ value.movedim(dim, 3)).movedim(3, dim)
    return context


def clip_inputs(size: tuple[int, int], frames: int) -> list[Tensor]:
    shapes = ((1, 64, *size), (1, frames, 64, *size), (1, frames, 256, *size))
    return [torch.randn(*shape) / 4 for shape in shapes]


def criss_cross_inputs(size: tuple[int, int], frames: int) -> list[Tensor]:
    return [torch.randn(1, frames, *size, width) / 4 for width in (64, 64, 512)]


# Name -> the two implementations to compare, and the function that makes their inputs.
CASES: dict[str, tuple[Attention, Attention, Callable[..., list[Tensor]]]] = {
    "full": (our_full, published_full, clip_inputs),
    "pyramid (cube)": (our_pyramid, published_pyramid, clip_inputs),
    "pyramid against our full": (our_pyramid, our_full, clip_inputs),
    "criss-cross": (our_criss_cross, published_criss_cross, criss_cross_inputs),
}


def call(attention: Attention, inputs: list[Tensor], backward: bool) -> None:
    if backward:
        attention(*(x.detach().requires_grad_() for x in inputs)).square().sum().backward()
    else:
        with torch.inference_mode():
            attention(*inputs)
    if inputs[0].is_cuda:
        torch.cuda.synchronize()


def medians(
    implementations: list[Attention], inputs: list[Tensor], backward: bool, seconds: float
) -> list[float]:
    """Return the median seconds of each implementation; they take turns."""
    for attention in implementations:
        call(attention, inputs, backward)
    times: list[list[float]] = [[] for _ in implementations]
    end = time.perf_counter() + seconds * len(implementations)
    while time.perf_counter() < end or len(times[0]) < 3:
        for attention, durations in zip(implementations, times, strict=True):
            start = time.perf_counter()
            call(attention, inputs, backward)
            durations.append(time.perf_counter() - start)
    return [statistics.median(durations) for durations in times]


MAPS = {"45x60": (45, 60), "80x80": (80, 80)}
Row = tuple[str, tuple[int, int], int, bool]  # case, map, frames, with a backward pass


def make_inputs(row: Row, options: argparse.Namespace) -> list[Tensor]:
    torch.manual_seed(0)
    inputs = CASES[row[0]][2](row[1], row[2])
    return [x.to(options.device, getattr(torch, options.dtype)) for x in inputs]


def measure_peak_mib(row: Row, number: int, options: argparse.Namespace) -> float:
    """Return the peak memory that a call of implementation 0 or 1 of a case adds."""
    if options.device == "cuda":
        attention, inputs = CASES[row[0]][number], make_inputs(row, options)
        call(attention, inputs, row[3])
        start_bytes = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        call(attention, inputs, row[3])
        return (torch.cuda.max_memory_allocated() - start_bytes) / 2**20
    # The peak of a process never falls, so each call gets a process of its own.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["vss.models.attention"])
    receive, send = context.Pipe(duplex=False)
    process = context.Process(target=_send_peak, args=(row, number, options, send))
    process.start()
    peak: float = receive.recv()
    process.join()
    return peak


def _send_peak(row: Row, number: int, options: argparse.Namespace, send: Connection) -> None:
    torch.set_num_threads(options.threads)
    inputs = make_inputs(row, options)
    small = [x[..., :8, :8] if row[0] != "criss-cross" else x[:, :, :8, :8] for x in inputs]
    call(CASES[row[0]][number], small, row[3])  # allocates the libraries' own buffers
    start_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    call(CASES[row[0]][number], inputs, row[3])
    send.send((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - start_kib) / 1024)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float32", choices=["float32", "bfloat16"])
    parser.add_argument(
        "--seconds", type=float, default=1.0, help="time per implementation (at least 3 calls)"
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--case", action="append", choices=list(CASES), help="default: all")
    parser.add_argument("--map", action="append", choices=list(MAPS), help="default: all")
    parser.add_argument("--frames", type=int, nargs="+", default=(1, 2, 4))
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    rows: list[Row] = [
        (name, MAPS[size], frames, backward)
        for name in options.case or CASES
        for size in options.map or MAPS
        for frames in options.frames
        for backward in (False, True)
    ]
    facts = describe_environment(torch.device(options.device), options.threads)
    print(f"{facts['device']}, threads: {options.threads}, PyTorch {torch.__version__}, ", end="")
    print(f"Python {platform.python_version()}, {options.dtype}. Ratio: published / ours.\n")
    print("| case | map | T | mode | ours, ms | published, ms | ratio ", end="")
    print("| ours, MiB | published, MiB | ratio |\n|---|---|--:|---|" + "--:|" * 6)
    for row in rows:
        name, (height, width), frames, backward = row
        our_mib, published_mib = (measure_peak_mib(row, number, options) for number in (0, 1))
        ours, published = medians(
            list(CASES[name][:2]), make_inputs(row, options), backward, options.seconds
        )
        print(
            f"| {name} | {height}x{width} | {frames} | "
            f"{'forward, backward' if backward else 'forward'} | {1e3 * ours:.2f} | "
            f"{1e3 * published:.2f} | {published / ours:.2f} | {our_mib:.0f} | "
            f"{published_mib:.0f} | {published_mib / max(our_mib, 0.1):.1f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()

"""Attention reads: ours against the published forms, time and peak memory side by side.

    python benchmarks/attention.py [--device cuda] [--dtype bfloat16] [--seconds 1.0]

Both forms of a row are called in turn in one process (medians), and the peak memory that each adds
is taken in a process of its own (CPU) or from the allocator (CUDA). Inputs are projected queries,
keys and values of batch 1 with the published widths: 64 and 256, for criss-cross 64 and 512. The
published forms are written out below.
"""

import argparse
import os
import platform
import resource
import statistics
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from vss.environment import describe
from vss.models.attention import (
    AXES,
    PYRAMID_BINS,
    criss_cross_read,
    full_read,
    pool_over_time,
    pyramid_pool,
)

Read = Callable[[Tensor, Tensor, Tensor], Tensor]

# --- queries (1, K, H, W), keys and values (1, T, C, H, W)


def our_full(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    keys, values = (x.transpose(1, 2).flatten(2) for x in (key, value))
    return full_read(query.flatten(2), keys, values, scale=1.0)


def plain(query: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Two batched products around a softmax."""
    weights = torch.softmax(torch.bmm(query.flatten(2).mT, keys), dim=2)
    return torch.bmm(values, weights.mT)


def published_full(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """TMANet."""
    return plain(query, *(x.transpose(1, 2).flatten(2) for x in (key, value)))


def our_pyramid(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    tokens = [pyramid_pool(x.flatten(0, 1)).unflatten(0, x.shape[:2]) for x in (key, value)]
    keys, counts = pool_over_time(tokens[0], "cube")
    values, _ = pool_over_time(tokens[1], "cube")
    return full_read(query.flatten(2), keys, values, 1.0, counts)


def published_pyramid(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """The three-dimensional pooling of ANN: the whole clip, each time again."""
    return plain(
        query,
        *(
            torch.cat(
                [F.adaptive_avg_pool3d(x.transpose(1, 2), b).flatten(2) for b in PYRAMID_BINS],
                dim=2,
            )
            for x in (key, value)
        ),
    )


# --- (1, T, H, W, C)


def axes_of(clip: Tensor) -> tuple[str, ...]:
    return ("column", "row") if clip.shape[1] == 1 else ("time", "column", "row")


def our_criss_cross(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    return criss_cross_read(query, key, value, axes_of(query))


def published_criss_cross(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """CCNet: logits of all axes joined, the own place -inf in all but one of them."""
    axes = axes_of(query)
    logits = []
    for number, axis in enumerate(axes):
        dim = AXES[axis]
        along = query.movedim(dim, 3) @ key.movedim(dim, 3).mT
        if number < len(axes) - 1:
            own = torch.eye(along.shape[-1], dtype=torch.bool, device=along.device)
            along = along + torch.zeros_like(along).masked_fill(own, -torch.inf)
        logits.append(along.movedim(3, dim))
    weights = torch.softmax(torch.cat(logits, dim=4), dim=4)
    parts = weights.split([x.shape[4] for x in logits], dim=4)
    read = torch.zeros_like(value)
    for axis, part in zip(axes, parts, strict=True):
        dim = AXES[axis]
        read = read + (part.movedim(dim, 3) @ value.movedim(dim, 3)).movedim(3, dim)
    return read


def clip_inputs(size: tuple[int, int], frames: int) -> list[Tensor]:
    shapes = ((1, 64, *size), (1, frames, 64, *size), (1, frames, 256, *size))
    return [torch.randn(*shape) / 4 for shape in shapes]


def place_inputs(size: tuple[int, int], frames: int) -> list[Tensor]:
    return [torch.randn(1, frames, *size, width) / 4 for width in (64, 64, 512)]


CASES: dict[str, tuple[Read, Read, Callable[..., list[Tensor]]]] = {
    "full": (our_full, published_full, clip_inputs),
    "pyramid (cube)": (our_pyramid, published_pyramid, clip_inputs),
    "pyramid against our full": (our_pyramid, our_full, clip_inputs),
    "criss-cross": (our_criss_cross, published_criss_cross, place_inputs),
}


def call(read: Read, inputs: list[Tensor], backward: bool) -> None:
    if backward:
        read(*(x.detach().requires_grad_() for x in inputs)).square().sum().backward()
    else:
        with torch.inference_mode():
            read(*inputs)
    if inputs[0].is_cuda:
        torch.cuda.synchronize()


def medians(reads: list[Read], inputs: list[Tensor], backward: bool, seconds: float) -> list[float]:
    """Median seconds of each, called in turn."""
    for read in reads:
        call(read, inputs, backward)
    found: list[list[float]] = [[] for _ in reads]
    ends = time.perf_counter() + seconds * len(reads)
    while time.perf_counter() < ends or len(found[0]) < 3:
        for read, times in zip(reads, found, strict=True):
            begun = time.perf_counter()
            call(read, inputs, backward)
            times.append(time.perf_counter() - begun)
    return [statistics.median(times) for times in found]


def peak_mib(read: Read, inputs: list[Tensor], backward: bool) -> float:
    """Memory that one call adds."""
    if inputs[0].is_cuda:
        call(read, inputs, backward)
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        call(read, inputs, backward)
        return (torch.cuda.max_memory_allocated() - before) / 2**20
    receive, send = os.pipe()
    if os.fork() == 0:  # the peak of a process never falls, so each call has one of its own
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        call(read, inputs, backward)
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        os.write(send, str((after - before) / 1024).encode())
        os._exit(0)
    os.wait()
    return float(os.read(receive, 100))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float32", choices=["float32", "bfloat16"])
    parser.add_argument("--seconds", type=float, default=1.0, help="about, for each form and row")
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    rows = [
        (name, size, frames, backward)
        for name in CASES
        for size in ((45, 60), (80, 80))
        for frames in (1, 2, 4)
        for backward in (False, True)
    ]

    def inputs(row: tuple[str, tuple[int, int], int, bool]) -> list[Tensor]:
        torch.manual_seed(0)
        made = CASES[row[0]][2](row[1], row[2])
        return [x.to(given.device, getattr(torch, given.dtype)) for x in made]

    # A forked child may not follow a parallel region of this process: memory comes first.
    memory = {row: [peak_mib(r, inputs(row), row[3]) for r in CASES[row[0]][:2]] for row in rows}
    about = describe(torch.device(given.device), given.threads)
    print(f"{about['device']}, threads: {given.threads}, PyTorch {torch.__version__}, ", end="")
    print(f"Python {platform.python_version()}, {given.dtype}. Ratio: published / ours.\n")
    print("| read | map | T | mode | ours, ms | published, ms | ratio ", end="")
    print("| ours, MiB | published, MiB | ratio |\n|---|---|--:|---|" + "--:|" * 6)
    for row in rows:
        name, (height, width), frames, backward = row
        times = medians(list(CASES[name][:2]), inputs(row), backward, given.seconds)
        own, other = memory[row]
        print(
            f"| {name} | {height}x{width} | {frames} | "
            f"{'forward, backward' if backward else 'forward'} | {1e3 * times[0]:.1f} | "
            f"{1e3 * times[1]:.1f} | {times[1] / times[0]:.2f} | {own:.0f} | {other:.0f} | "
            f"{other / max(own, 0.1):.1f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()

"""The progress of work on the frames of a video: a bar on a terminal, else lines."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TextColumn

from orchestrator.terminal.plain.console import PlainConsole
from orchestrator.terminal.progress_line import Interval
from orchestrator.terminal.time_left import format_seconds


@contextmanager
def frame_bar(
    count: int | None,
    label: str = "segmenting",
    console: Console | None = None,
    interval: Interval | None = None,
) -> Iterator[Callable[[int], None]]:
    """Show a progress bar, or print a line every 30 seconds if there is no terminal.

    Args:
        count: the number of frames; None if unknown.
        label: the text before the bar.
        console: the console to print on; stderr by default.
        interval: the time between lines.

    Yields:
        a function to call with the number of finished frames.
    """
    console = console or PlainConsole(stderr=True)
    if not console.is_terminal:
        yield _line_printer(count, label, console, interval or Interval())
        return
    columns = (*Progress.get_default_columns(), MofNCompleteColumn(), TextColumn("frames"))
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(label, total=count)
        yield lambda frames: progress.update(task, completed=frames)


def _line_printer(
    count: int | None, label: str, console: Console, interval: Interval
) -> Callable[[int], None]:
    """Return a function that prints how many frames are finished, if a line is due."""
    start = time.monotonic()

    def show(frames: int) -> None:
        if not frames or not interval.is_over():
            return
        line = f"{label}: {frames}" + (f" of {count}" if count else "") + " frames"
        if count:
            seconds_left = (time.monotonic() - start) / frames * (count - frames)
            line += f", {format_seconds(seconds_left)} left"
        console.print(line, highlight=False, soft_wrap=True)

    return show

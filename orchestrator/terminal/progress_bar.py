"""A progress bar for work on the frames of a video."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TextColumn


@contextmanager
def frame_bar(count: int | None, label: str = "segmenting") -> Iterator[Callable[[int], None]]:
    """Show a progress bar on stderr, if that is a terminal.

    Args:
        count: the number of frames; None if unknown.
        label: the text before the bar.

    Yields:
        a function to call with the number of finished frames.
    """
    console = Console(stderr=True)
    columns = (*Progress.get_default_columns(), MofNCompleteColumn(), TextColumn("frames"))
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task(label, total=count)
        yield lambda frames: progress.update(task, completed=frames)

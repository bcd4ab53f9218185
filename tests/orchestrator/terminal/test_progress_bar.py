"""The progress of work on the frames of a video."""

import io

from rich.console import Console

from orchestrator.terminal.progress_bar import frame_bar
from orchestrator.terminal.progress_line import Interval


def lines(count: int | None, seconds: float) -> list[str]:
    """Return what is printed without a terminal while three frames are finished."""
    console = Console(file=io.StringIO(), width=200)
    with frame_bar(count, console=console, interval=Interval(seconds)) as show:
        for frames in range(4):
            show(frames)
    return console.file.getvalue().splitlines()  # type: ignore[attr-defined,no-any-return]


def test_lines_say_how_far_it_is_and_how_long_it_takes() -> None:
    assert lines(4, seconds=0)[0] == "segmenting: 1 of 4 frames, 0:00 left"


def test_time_left_needs_the_number_of_frames() -> None:
    assert lines(None, seconds=0)[-1] == "segmenting: 3 frames"


def test_nothing_is_printed_before_a_line_is_due() -> None:
    assert lines(4, seconds=30) == []

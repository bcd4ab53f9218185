"""A console whose only control characters are its own styles and movements."""

from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from orchestrator.terminal.plain.text import neutralise


class PlainConsole(Console):
    """A console that escapes the control characters in all that it is given to print.

    Square brackets are no markup to it, and colons no emoji: cells may have names like `[/a]`, and
    trials like `a:x:0`.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options, markup=False, emoji=False)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Render an object, part by part."""
        for segment in super().render(renderable, options):
            if segment.control or segment.text.isprintable():
                yield segment
            else:
                yield Segment(neutralise(segment.text), segment.style)

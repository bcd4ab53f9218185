"""The style of all figures: size, names of bounded length, labels at the ends of lines."""

import io
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backend_bases import RendererBase
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.text import Text
from scipy.optimize import isotonic_regression

from reports.figures.palette import GRID, INK, SERIES
from reports.figures.svg import refine

_METADATA = ("Creator", "Date", "Format", "Type")  # that Matplotlib would write
DPI = 150
WIDTH_INCHES, NARROW_INCHES = 10.4, 4.1  # on a screen, and on a phone
_NARROW = "-narrow"  # at the end of the name of a file
_LABEL_GAP = 0.05  # gap between axes and labels, as a fraction of the figure's width
SMALL = 8  # font size of labels inside a figure, points
NAME_CHARACTERS, NARROW_CHARACTERS = 34, 16
MAX_COLOURED_LINES = 10  # with more lines, most are grey
_MAX_REACH = 2.5  # as a multiple of the typical length; longer intervals are cut off
THICK, THIN = 3.5, 1  # widths of bars: one standard deviation, and the whole interval
STYLE: dict[Any, Any] = {
    "font.size": 9,
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "vss-orch",  # ids stay the same
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.formatter.useoffset": False,
    "grid.color": GRID,
    "axes.axisbelow": True,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "text.parse_math": False,  # a dollar in a cell's name is a dollar
    **dict.fromkeys(
        ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), INK
    ),
}


@dataclass
class Drawing:
    """A figure under construction, in one of its two widths.

    Attributes:
        is_narrow: whether it is for a phone.
        titles: id of a mark -> the text shown where the pointer rests on it.
    """

    figure: Figure
    is_narrow: bool
    titles: dict[str, str] = field(default_factory=dict)

    @property
    def name_characters(self) -> int:
        """The most characters that a name may have."""
        return NARROW_CHARACTERS if self.is_narrow else NAME_CHARACTERS

    def add_title(self, mark: Artist, text: str) -> None:
        """Show a text where the pointer rests on a mark."""
        name = f"tip-{len(self.titles)}"
        mark.set_gid(name)
        self.titles[name] = text


def drawings(
    path: Path, height_inches: float, narrow_height: float | None = None
) -> Iterator[Drawing]:
    """Yield a figure to draw, for a screen and again for a phone; equal figures have equal bytes.

    Args:
        path: path of the SVG; the one for a phone is written beside it.
        height_inches: the height for a screen.
        narrow_height: the height for a phone; None for the same one.
    """
    for width, height, file in (
        (WIDTH_INCHES, height_inches, path),
        (NARROW_INCHES, narrow_height or height_inches, narrow_form(path)),
    ):
        with mpl.rc_context(STYLE), warnings.catch_warnings():
            # Letters that DejaVu Sans lacks; the browser has them.
            warnings.filterwarnings("ignore", message="Glyph .* missing")
            figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
            FigureCanvasAgg(figure)
            drawing = Drawing(figure, is_narrow=file != path)
            yield drawing
            content = io.StringIO()
            figure.savefig(content, format="svg", metadata=dict.fromkeys(_METADATA))
            file.write_text(refine(content.getvalue(), file.stem, drawing.titles), "utf-8")


def narrow_form(path: Path) -> Path:
    """Return the path of the same figure for a phone."""
    return path.with_stem(path.stem + _NARROW)


def fix_layout(figure: Figure) -> RendererBase:
    """Fix the layout so that positions can be measured in pixels; return the renderer."""
    figure.draw_without_rendering()
    return _renderer(figure)


def _renderer(figure: Figure) -> RendererBase:
    canvas = figure.canvas
    assert isinstance(canvas, FigureCanvasAgg)  # noqa: S101  # `drawings` made it so
    renderer: RendererBase = canvas.get_renderer()  # type: ignore[no-untyped-call]
    return renderer


def shorten(text: str, limit: int) -> str:
    """Put text on one line, and cut out its middle if it has more characters than `limit`."""
    flat = " ".join(text.split())
    if len(flat) <= limit:
        return flat
    head = limit // 2
    return f"{flat[:head]}…{flat[len(flat) - (limit - head - 1) :]}"


def shorten_names(names: Iterable[str], limit: int, max_limit: int = 1000) -> dict[str, str]:
    """Map names to short ones; ambiguous ones keep enough to tell them apart.

    Args:
        names: the names, for example of cells.
        limit: the most characters of a short name.
        max_limit: the most characters of a short name that would look like another one.
    """
    names = list(names)
    longest = min(max((len(name) for name in names), default=0), max_limit)
    short_names = {name: shorten(name, limit) for name in names}
    while limit < longest:
        in_use = list(short_names.values())
        ambiguous_names = [name for name in names if in_use.count(short_names[name]) > 1]
        if not ambiguous_names:
            break
        limit += 4
        short_names |= {name: shorten(name, limit) for name in ambiguous_names}
    return short_names


def series_colours(count: int) -> list[str]:
    """Return one colour per line; after nine they repeat."""
    return [SERIES[index % len(SERIES)] for index in range(count)]


def limit_reach(lengths: Sequence[float]) -> float:
    """Return how far intervals of these lengths may reach before they are cut off.

    Very uncertain intervals would shrink the differences between cells to nothing.
    """
    return _MAX_REACH * float(np.percentile(lengths, 50, method="lower")) if lengths else 0.0


def label_ends(axes: Axes, labels: Sequence[tuple[str, float, str]]) -> list[Text]:
    """Write labels to the right of the axes, each at the height of its line's end.

    They may overlap until `spread_ends` moves them, once all axes are laid out.

    Args:
        axes: the axes to the left of the labels.
        labels: text, height in data units and colour of each label.
    """
    at_edge = axes.get_yaxis_transform()
    return [
        axes.text(
            1.035, y, text, color=colour, fontsize=SMALL, va="center", transform=at_edge,
            in_layout=False,
        )
        for text, y, colour in labels
    ]  # fmt: skip


def leave_room(figure: Figure, texts: Sequence[Text]) -> None:
    """Narrow the axes until the labels to their right fit into the figure."""
    renderer = _renderer(figure)
    widest = max((text.get_window_extent(renderer).width for text in texts), default=0.0)
    room = widest / figure.bbox.width + _LABEL_GAP if texts else 0.0
    engine = figure.get_layout_engine()
    assert isinstance(engine, ConstrainedLayoutEngine)  # noqa: S101  # `drawings` made it so
    engine.set(rect=(0, 0, 1 - room, 1))


def spread_ends(axes: Axes, texts: Sequence[Text], renderer: RendererBase) -> None:
    """Move labels apart, as little as possible; a thin line joins each to its line's end."""
    if not texts:
        return
    heights = [axes.transData.transform((0, text.get_position()[1]))[1] for text in texts]
    gap = 1.02 * max(text.get_window_extent(renderer).height for text in texts)
    low, high = axes.bbox.y0, axes.bbox.y1
    to_axes = axes.transAxes.inverted()
    for text, end, y in zip(texts, heights, spread_out(heights, gap, low, high), strict=True):
        text.set_position((text.get_position()[0], to_axes.transform((0, y))[1]))
        text.set_transform(axes.transAxes)
        axes.plot(
            [1.003, 1.028],
            to_axes.transform([(0, np.clip(end, low, high)), (0, y)])[:, 1],
            color=text.get_color(),
            linewidth=0.7,
            clip_on=False,
            transform=axes.transAxes,
        )


def spread_out(positions: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Move positions at least `gap` apart, as little as possible and without changing their order.

    Args:
        positions: the preferred position of each.
        gap: the least distance; smaller if there is no room for it.
        low, high: the bounds of all positions.
    """
    gap = min(gap, (high - low) / max(1, len(positions) - 1))
    order = np.argsort(positions, kind="stable")
    steps = gap * np.arange(len(positions))
    fitted = isotonic_regression(np.asarray(positions)[order] - steps).x
    new_positions = np.empty(len(positions))
    new_positions[order] = np.clip(fitted, low, high - steps[-1]) + steps
    return [float(position) for position in new_positions]

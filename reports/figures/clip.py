"""A short clip: the label of each frame next to the predictions of two networks."""

import io
import re
from collections.abc import Sequence
from itertools import pairwise

from PIL import Image, ImageDraw, ImageFont

from reports.figures.frames import Colour, colourise, sampled_pair
from reports.figures.style import shorten
from reports.records import ExperimentRecord

MAX_BYTES = 2_000_000
MIN_FRAMES, _MAX_FRAMES = 6, 32
_SECONDS = 8  # of the whole clip
_WIDTHS = (320, 240, 160, 96)  # of a panel, pixels: the largest that fits
_HEADING_HEIGHT, _HEADING_SIZE, _HEADING_CHARACTERS = 18, 12, 44
_NAME = re.compile(r"^(?P<sequence>.*)/(?P<number>\d+)$")


def choose_clip(record: ExperimentRecord, cell: str) -> list[str]:
    """Return the longest run of evenly spaced frames of one sequence that both networks predicted.

    The run is empty if it would be too short to show anything.
    """
    pair = sampled_pair(record, cell)
    if pair is None:
        return []
    numbers: dict[str, list[tuple[int, str]]] = {}
    for name in set(pair[0].samples) & set(pair[1].samples):
        if match := _NAME.match(name):
            numbers.setdefault(match["sequence"], []).append((int(match["number"]), name))
    runs = [run for _, frames in sorted(numbers.items()) for run in _even_runs(sorted(frames))]
    longest = max(runs, key=len, default=[])
    return longest[:_MAX_FRAMES] if len(longest) >= MIN_FRAMES else []


def draw_clip(record: ExperimentRecord, cell: str, frames: Sequence[str]) -> bytes | None:
    """Draw an animated WebP of label, baseline and cell; None if it would be larger than 2 MB."""
    for width in _WIDTHS:
        content = _encode([_draw(record, cell, frame, width) for frame in frames])
        if len(content) <= MAX_BYTES:
            return content
    return None


def _even_runs(frames: Sequence[tuple[int, str]]) -> list[list[str]]:
    """Split the frames of a sequence wherever their spacing changes."""
    runs: list[list[str]] = []
    last_gap = None
    for (number, name), (following, next_name) in pairwise(frames):
        gap = following - number
        if gap != last_gap:
            runs.append([name])
        runs[-1].append(next_name)
        last_gap = gap
    return runs


def _draw(record: ExperimentRecord, cell: str, frame: str, width: int) -> Image.Image:
    pair = sampled_pair(record, cell)
    assert pair is not None  # noqa: S101  # `choose_clip` found frames of both
    run, base = (trial.samples[frame] for trial in pair)
    palette: Sequence[Colour] = list(record.colours.values())
    panels = [
        ("label", run.label),
        (record.baseline, base.prediction),
        (cell, run.prediction),
    ]
    height = round(width * run.label.shape[0] / run.label.shape[1])
    canvas = Image.new("RGB", (width * len(panels), _HEADING_HEIGHT + height), "white")
    pen, font = ImageDraw.Draw(canvas), ImageFont.load_default(_HEADING_SIZE)
    for number, (heading, classes) in enumerate(panels):
        picture = Image.fromarray(colourise(classes, palette))
        scaled = picture.resize((width - 2, height), Image.Resampling.NEAREST)
        canvas.paste(scaled, (width * number, _HEADING_HEIGHT))
        text = shorten(heading, _HEADING_CHARACTERS * width // _WIDTHS[0])
        pen.text((width * number + 2, 2), text, fill="black", font=font)
    return canvas


def _encode(pictures: Sequence[Image.Image]) -> bytes:
    content = io.BytesIO()
    pictures[0].save(
        content, "WEBP", save_all=True, append_images=pictures[1:], lossless=True, loop=0,
        duration=1000 * _SECONDS // len(pictures),
    )  # fmt: skip
    return content.getvalue()

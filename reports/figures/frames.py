"""The frames on which a cell gains most, least and a median amount over the baseline.

Shapes: h w the size of a frame, H W the size of its label.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from reports.analysis.bootstrap import iou, mean_over_classes
from reports.figures.style import shorten
from reports.records import ExperimentRecord, RunRecord, Sample

PANEL_WIDTH = 300
# Readable on a phone too, where two panels stand side by side.
_HEADING_HEIGHT, _HEADING_SIZE, _HEADING_CHARACTERS = 24, 16, 34
CHIP = 14  # size of the sample of a class's colour, pixels
Pixels = NDArray[np.uint8]
Colour = tuple[int, int, int]


class Outcome(NamedTuple):
    """The meaning of a pixel of the last panel, with its colour in words and in RGB."""

    meaning: str
    colour: str
    rgb: Colour


# Colour-blind readers can tell blue from orange.
BOTH_RIGHT = Outcome("both right", "white", (235, 235, 235))
BASELINE_RIGHT = Outcome("only the baseline right", "orange", (230, 120, 20))
CELL_RIGHT = Outcome("only the cell right", "blue", (30, 100, 200))
BOTH_WRONG = Outcome("both wrong", "black", (40, 40, 40))
UNLABELLED = Outcome("not labelled", "grey", (120, 120, 120))
OUTCOMES = (BOTH_RIGHT, BASELINE_RIGHT, CELL_RIGHT, BOTH_WRONG, UNLABELLED)
_UNLABELLED_RGB = (0, 0, 0)  # in the panels that show classes


@dataclass(frozen=True)
class RankedFrame:
    """A frame, and how two networks segmented it.

    Attributes:
        rank: best, median or worst, by the difference from the baseline in mIoU of the frame.
        difference: the difference in mIoU, a fraction.
        baseline, cell: the samples of the two networks.
        cell_name: the name of the cell.
    """

    name: str
    rank: str
    difference: float
    baseline: Sample
    cell: Sample
    cell_name: str


def choose_frames(record: ExperimentRecord, cell: str) -> list[RankedFrame]:
    """Choose the best, the median and the worst frame of a cell among its samples.

    They come from the lowest seed at which both cell and baseline have samples. Without such a
    seed, no frame is chosen.
    """
    pair = sampled_pair(record, cell)
    if pair is None:
        return []
    run, base = pair
    gains = {name: _gain(run, base, name) for name in run.samples if name in base.samples}
    ranked = sorted(gains, key=lambda name: (-gains[name], name))
    ranks_by_index: dict[int, str] = {}  # with few frames, one frame can have several ranks
    for rank, index in (("best", 0), ("median", len(ranked) // 2), ("worst", len(ranked) - 1)):
        ranks_by_index.setdefault(index, rank)
    return [
        RankedFrame(name, rank, gains[name], base.samples[name], run.samples[name], cell)
        for index, rank in ranks_by_index.items()
        for name in ranked[index : index + 1]
    ]


def draw_panels(record: ExperimentRecord, frame: RankedFrame) -> list[tuple[str, bytes]]:
    """Draw a frame, its label, both predictions and their differences.

    Returns:
        the heading of each panel, which is drawn above it too, and the panel as a PNG.
    """
    palette = list(record.colours.values())
    label = frame.cell.label
    baseline, cell = frame.baseline.prediction, frame.cell.prediction
    panels = [
        ("frame", frame.cell.image),
        ("label", colourise(label, palette)),
        (record.baseline, colourise(baseline, palette)),
        (frame.cell_name, colourise(cell, palette)),
        ("where they differ", _colour_outcomes(label, baseline, cell, len(palette))),
    ]
    height = round(PANEL_WIDTH * label.shape[0] / label.shape[1])
    photo, drawing = Image.Resampling.BILINEAR, Image.Resampling.NEAREST
    return [
        (heading, _draw_panel(heading, pixels, height, drawing if number else photo))
        for number, (heading, pixels) in enumerate(panels)
    ]


def _draw_panel(heading: str, pixels: Pixels, height: int, resampling: Image.Resampling) -> bytes:
    """Draw a panel below its heading."""
    scaled = Image.fromarray(pixels).resize((PANEL_WIDTH, height), resampling)
    canvas = Image.new("RGB", (PANEL_WIDTH, _HEADING_HEIGHT + height), "white")
    canvas.paste(scaled, (0, _HEADING_HEIGHT))
    text = shorten(heading, _HEADING_CHARACTERS)
    font = ImageFont.load_default(_HEADING_SIZE)
    ImageDraw.Draw(canvas).text((2, 2), text, fill="black", font=font)
    content = io.BytesIO()
    canvas.save(content, "PNG")
    return content.getvalue()


def find_classes(record: ExperimentRecord, frames: Sequence[RankedFrame]) -> dict[str, Colour]:
    """Return the classes that occur in labels or predictions of frames, with their colours."""
    pictures = [
        picture
        for frame in frames
        for picture in (frame.cell.label, frame.cell.prediction, frame.baseline.prediction)
    ]
    shown = set(np.unique(np.concatenate([each.ravel() for each in pictures])).tolist())
    return {
        name: colour
        for index, (name, colour) in enumerate(record.colours.items())
        if index in shown
    }


def draw_chip(colour: Colour) -> bytes:
    """Draw a square of a class's colour, as a PNG."""
    content = io.BytesIO()
    Image.new("RGB", (CHIP, CHIP), colour).save(content, "PNG")
    return content.getvalue()


def sampled_pair(record: ExperimentRecord, cell: str) -> tuple[RunRecord, RunRecord] | None:
    """Return the trials of cell and baseline at the lowest seed at which both have samples."""
    runs, bases = (
        {run.seed: run for run in record.finished if run.cell == name and run.samples}
        for name in (cell, record.baseline)
    )
    shared_seeds = runs.keys() & bases.keys()
    return (runs[min(shared_seeds)], bases[min(shared_seeds)]) if shared_seeds else None


def _gain(run: RunRecord, base: RunRecord, frame: str) -> float:
    return _frame_miou(run, frame) - _frame_miou(base, frame)


def _frame_miou(run: RunRecord, frame: str) -> float:
    if run.confusions is None:
        return 0.0
    index = list(run.frames).index(frame)
    return float(mean_over_classes(iou(run.confusions[index : index + 1])))


def colourise(classes: Pixels, palette: Sequence[Colour]) -> Pixels:
    """Colour class indices: (H, W) -> (H, W, 3)."""
    colours = np.full((256, 3), _UNLABELLED_RGB, dtype=np.uint8)
    colours[: len(palette)] = palette
    return np.asarray(colours[classes])


def _colour_outcomes(label: Pixels, base: Pixels, cell: Pixels, num_classes: int) -> Pixels:
    """Colour each pixel by its outcome: (H, W) each -> (H, W, 3)."""
    cell_right, base_right = cell == label, base == label
    colours = np.empty((*label.shape, 3), dtype=np.uint8)
    colours[cell_right & base_right] = BOTH_RIGHT.rgb
    colours[~cell_right & base_right] = BASELINE_RIGHT.rgb
    colours[cell_right & ~base_right] = CELL_RIGHT.rgb
    colours[~cell_right & ~base_right] = BOTH_WRONG.rgb
    colours[label >= num_classes] = UNLABELLED.rgb
    return colours

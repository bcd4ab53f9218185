"""Frames worth looking at: where a cell gains most over the baseline, least, and in between.

Shapes: h w size of a frame, H W size of its label.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from reports.analysis.bootstrap import iou, mean_over_classes
from reports.records import ExperimentRecord, RunRecord, Sample

PANEL_WIDTH = 300
_HEADINGS = ("frame", "label", "baseline", "cell", "where they differ")
_HEADING_HEIGHT = 18
_UNLABELLED = (120, 120, 120)
# Blue and orange are told apart by colour-blind readers too.
_DIFFERENCES = {
    "both right": (235, 235, 235),
    "only the baseline right": (230, 120, 20),
    "only the cell right": (30, 100, 200),
    "both wrong": (40, 40, 40),
}
Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Chosen:
    """One frame.

    Attributes:
        frame: its name.
        rank: best, median or worst, by the difference from the baseline in mIoU of the frame.
        difference: as a fraction.
        baseline, cell: what each saw and predicted there.
    """

    frame: str
    rank: str
    difference: float
    baseline: Sample
    cell: Sample


def choose(record: ExperimentRecord, cell: str) -> list[Chosen]:
    """The best, the median and the worst frame of a cell, among those whose predictions are kept.

    Of the lowest seed that cell and baseline share; none if there is no such seed.
    """
    pair = _pair(record, cell)
    if pair is None:
        return []
    ours, base = pair
    frames = [name for name in ours.samples if name in base.samples]
    ranked = sorted(frames, key=lambda name: (-_gain(ours, base, name), name))
    places = {"best": 0, "median": len(ranked) // 2, "worst": len(ranked) - 1}
    return [
        Chosen(
            ranked[place],
            rank,
            _gain(ours, base, ranked[place]),
            base.samples[ranked[place]],
            ours.samples[ranked[place]],
        )
        for rank, place in places.items()
        if ranked and place not in list(places.values())[: list(places).index(rank)]
    ]


def picture(record: ExperimentRecord, cell: str, chosen: Chosen) -> bytes:
    """Frame, label, both predictions and where they differ, side by side, as a PNG."""
    palette = list(record.colours.values())
    label = chosen.cell.label
    panels = [
        chosen.cell.image,
        _colourise(label, palette),
        _colourise(chosen.baseline.prediction, palette),
        _colourise(chosen.cell.prediction, palette),
        _differences(label, chosen.baseline.prediction, chosen.cell.prediction, len(palette)),
    ]
    height = round(PANEL_WIDTH * label.shape[0] / label.shape[1])
    canvas = Image.new("RGB", (PANEL_WIDTH * len(panels), _HEADING_HEIGHT + height), "white")
    pen = ImageDraw.Draw(canvas)
    for number, (heading, panel) in enumerate(zip(_HEADINGS, panels, strict=True)):
        left = PANEL_WIDTH * number
        how = Image.Resampling.BILINEAR if number == 0 else Image.Resampling.NEAREST
        scaled = Image.fromarray(panel).resize((PANEL_WIDTH - 2, height), how)
        canvas.paste(scaled, (left, _HEADING_HEIGHT))
        pen.text((left + 2, 2), heading, fill="black", font=ImageFont.load_default(12))
    content = io.BytesIO()
    canvas.save(content, "PNG")
    return content.getvalue()


def legend() -> str:
    """What the colours of the last panel mean."""
    words = {"both right": "white", "only the baseline right": "orange"}
    words |= {"only the cell right": "blue", "both wrong": "black"}
    return ", ".join(f"{colour}: {meaning}" for meaning, colour in words.items())


def _pair(record: ExperimentRecord, cell: str) -> tuple[RunRecord, RunRecord] | None:
    def sampled(name: str) -> dict[int, RunRecord]:
        return {r.seed: r for r in record.finished if r.cell == name and r.samples}

    ours, base = sampled(cell), sampled(record.baseline)
    shared = ours.keys() & base.keys()
    return (ours[min(shared)], base[min(shared)]) if shared else None


def _gain(ours: RunRecord, base: RunRecord, frame: str) -> float:
    return _frame_miou(ours, frame) - _frame_miou(base, frame)


def _frame_miou(run: RunRecord, frame: str) -> float:
    if run.confusions is None:
        return 0.0
    place = list(run.frames).index(frame)
    return float(mean_over_classes(iou(run.confusions[place : place + 1])))


def _colourise(classes: Pixels, palette: Sequence[tuple[int, int, int]]) -> Pixels:
    colours = np.zeros((256, 3), dtype=np.uint8)  # black where nothing is labelled
    colours[: len(palette)] = palette
    return np.asarray(colours[classes])


def _differences(label: Pixels, base: Pixels, cell: Pixels, num_classes: int) -> Pixels:
    right, was_right = cell == label, base == label
    shown = np.empty((*label.shape, 3), dtype=np.uint8)
    where = (right & was_right, ~right & was_right, right & ~was_right, ~right & ~was_right)
    for mask, colour in zip(where, _DIFFERENCES.values(), strict=True):
        shown[mask] = colour
    shown[label >= num_classes] = _UNLABELLED
    return shown

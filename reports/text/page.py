"""The numbers that sections are written from, and the names of the files that they write."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from reports.analysis.factors.effects import (
    Effect,
    Interaction,
    estimate_effects,
    estimate_interactions,
)
from reports.analysis.frontier import find_frontier
from reports.analysis.overview import CellRow
from reports.analysis.study import Study
from reports.records import ExperimentRecord

PICTURES = "pictures"
PICTURES_TEXT = "section.md"  # next to the pictures: the part of the report that shows them
MAX_PICTURED_CELLS = 6
_STEADINESS = ("flicker", "vc8", "vc16", "boundary_miou")
# All figures that sections may draw, and those that earlier versions drew.
FIGURES = tuple(
    f"{name}*{ending}"
    for name in (
        "accuracy_latency",
        "differences",
        "steadiness",
        "curves",
        "classes",
        "tuning",
        "factor-",
    )
    for ending in (".svg", ".png")
)


@dataclass(frozen=True)
class Page:
    """A report under construction: the numbers, and the folder for its figures.

    Attributes:
        study: the numbers, ready to be compared.
        rows: the rows of the main table, sorted.
        folder: the folder of the report.
        pictures: whether to show frames of the dataset.
    """

    study: Study
    rows: Sequence[CellRow]
    folder: Path
    pictures: bool = True

    @property
    def record(self) -> ExperimentRecord:
        """The experiment that the report is about."""
        return self.study.record

    @cached_property
    def latency_ms(self) -> Mapping[str, float]:
        """Cell -> median clip latency; NaN where it was not measured."""
        return {row.cell: row.clip.median_ms for row in self.rows}

    @cached_property
    def frontier(self) -> Sequence[str]:
        """The cells on the accuracy-latency frontier, the fastest first."""
        return find_frontier(self.latency_ms, self.study.scored.means)

    @cached_property
    def steadiness(self) -> Mapping[str, Study]:
        """Metric -> comparisons of the cells, for metrics of steadiness that were measured."""
        measured = {name for run in self.record.finished for name in run.metrics}
        return {name: Study(self.record, name) for name in _STEADINESS if name in measured}

    @cached_property
    def effects(self) -> Sequence[Effect]:
        """The main effects of the settings that vary."""
        return estimate_effects(self.study, self.interactions)

    @cached_property
    def interactions(self) -> Sequence[Interaction]:
        """The interactions of the settings that vary."""
        return estimate_interactions(self.study)

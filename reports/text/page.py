"""A report in the making, as its sections see it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from reports.analysis.factors import Effect, Interaction, effects, interactions
from reports.analysis.study import Study
from reports.records import ExperimentRecord

_NAMED = 8  # trials or cells that a line names before it says how many more there are
PICTURES = "pictures"
# What an earlier report may have left.
FIGURES = (
    "accuracy_latency.png",
    "differences.png",
    "curves.png",
    "classes.png",
    "factor-*.png",
    "seeds.png",
)
PICTURES_TEXT = "section.md"  # beside the pictures: the part of the report that shows them
MAX_PICTURED_CELLS = 6


@dataclass(frozen=True)
class Page:
    """A report in the making: what the sections read, and where they leave figures.

    Attributes:
        study: the numbers, ready to be compared.
        table: one row a cell, see `tables.overview`.
        folder: of the report.
        pictures: show frames of the dataset.
    """

    study: Study
    table: pd.DataFrame
    folder: Path
    pictures: bool = True

    @property
    def record(self) -> ExperimentRecord:
        """What the report is of."""
        return self.study.record

    @cached_property
    def latency_ms(self) -> Mapping[str, float]:
        """Cell -> median latency of a clip."""
        return dict(zip(self.table["cell"], self.table["clip_median"], strict=True))

    @cached_property
    def effects(self) -> list[Effect]:
        """What each setting does."""
        return effects(self.study)

    @cached_property
    def interactions(self) -> list[Interaction]:
        """Which settings act together."""
        return interactions(self.study)


def several(names: Sequence[str], apart: str = ", ") -> str:
    """Some names, and how many more there are."""
    more = len(names) - _NAMED
    return apart.join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")

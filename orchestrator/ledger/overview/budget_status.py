"""A budget and what is spent of it; no database."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

_UNITS = {"gpu_hours": "GPU hours", "trial_hours": "trial hours"}


@dataclass(frozen=True)
class BudgetStatus:
    """The hours that the trials of an experiment may take, and have taken.

    Attributes:
        limits: gpu_hours or trial_hours -> the budget; at least one of them.
        spent: gpu_hours and trial_hours -> the hours of all attempts so far.
        hourly: gpu_hours and trial_hours -> what the attempts that run now spend in an hour.
    """

    limits: Mapping[str, float]
    spent: Mapping[str, float]
    hourly: Mapping[str, float] = field(default_factory=dict)

    @property
    def is_used_up(self) -> bool:
        """Whether no further trial may start."""
        return any(self.spent[unit] >= limit for unit, limit in self.limits.items())

    @property
    def hours_left(self) -> float:
        """The time until it is used up, if as much runs as now; infinite if nothing runs."""
        return min(self._hours_left(unit) for unit in self.limits)

    def explain_used_up(self) -> str:
        """Return what happens now that it is used up, and the remedy."""
        used_up = (unit for unit, limit in self.limits.items() if self.spent[unit] >= limit)
        keys = " and ".join(f"budget.{unit}" for unit in used_up)
        return (
            f"the budget is used up ({self}): no further trial starts; raise {keys} and submit "
            "again to go on"
        )

    def __str__(self) -> str:
        return ", ".join(
            f"{self.spent[unit]:.4g} of {limit:g} {_UNITS[unit]}"
            for unit, limit in self.limits.items()
        )

    def _hours_left(self, unit: str) -> float:
        rest, hourly = self.limits[unit] - self.spent[unit], self.hourly.get(unit, 0.0)
        if rest <= 0:
            return 0.0
        return rest / hourly if hourly > 0 else math.inf

"""Planned looks: the numbers of seeds at which the verdicts of a study are read."""

from collections.abc import Iterable, Sequence

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from vss.validation_errors import describe_validation_error

SEEDS_FOR_A_VERDICT = 3  # as in reports.analysis.verdict, which is too slow to import here
MAX_SEEDS = 20_000
_MAX_LOOKS = 4


class SeedRange(BaseModel):
    """A number of seeds (0, 1, 2, ...) that may grow in planned steps."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    first: int = Field(
        alias="from", ge=SEEDS_FOR_A_VERDICT, description="number of seeds at the first look"
    )
    last: int = Field(alias="to", le=MAX_SEEDS, description="number of seeds at the last look")

    @model_validator(mode="after")
    def _is_increasing(self) -> "SeedRange":
        if self.last <= self.first:
            raise ValueError(
                f"'to' ({self.last}) must be greater than 'from' ({self.first}); "
                "for a single look, list the seeds"
            )
        return self

    @property
    def looks(self) -> tuple[int, ...]:
        """The number of seeds at each look; at most four looks, evenly spread.

        Numbers are rounded down: from 3 to 10 gives 3, 5, 7 and 10.
        """
        steps = min(_MAX_LOOKS, self.last - self.first + 1) - 1
        return tuple(
            self.first + step * (self.last - self.first) // steps for step in range(steps + 1)
        )


def parse_seed_range(content: dict[str, object]) -> SeedRange:
    """Parse the mapping that a spec states under `seeds`.

    Raises:
        ValueError: if it is not a valid range.
    """
    try:
        return SeedRange(**content)  # type: ignore[arg-type]  # pydantic checks the types
    except ValidationError as error:
        raise ValueError(f"seeds: {describe_validation_error(error, SeedRange)}") from None


def find_look(looks: Sequence[int], seeds: Iterable[int]) -> int:
    """Return the number of the look that trials with these seeds belong to, counted from 1."""
    required_seeds = max(seeds, default=0) + 1
    return next(
        (n for n, count in enumerate(looks, start=1) if count >= required_seeds), len(looks) or 1
    )

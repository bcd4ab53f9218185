"""Planned looks: how many seeds a study has each time its verdicts are read."""

from collections.abc import Iterable, Sequence

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from vss.validation_errors import describe_validation_error

SEEDS_OF_A_VERDICT = 3  # as in reports.analysis.verdict, which is too heavy for a spec
_MOST_LOOKS = 4


class SeedRange(BaseModel):
    """A number of seeds that may grow, in planned steps: seeds 0, 1, 2, ..."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    first: int = Field(
        alias="from", ge=SEEDS_OF_A_VERDICT, description="number of seeds at the first look"
    )
    last: int = Field(alias="to", description="number of seeds at the last look")

    @model_validator(mode="after")
    def _grows(self) -> "SeedRange":
        if self.last <= self.first:
            raise ValueError(
                f"'to' ({self.last}) must be more than 'from' ({self.first}); "
                "for a single look, list the seeds"
            )
        return self

    @property
    def looks(self) -> tuple[int, ...]:
        """The number of seeds at each look: at most four, from the first to the last evenly.

        Numbers are rounded down: from 3 to 10 gives 3, 5, 7 and 10.
        """
        steps = min(_MOST_LOOKS, self.last - self.first + 1) - 1
        return tuple(
            self.first + step * (self.last - self.first) // steps for step in range(steps + 1)
        )


def parse_seed_range(stated: dict[str, object]) -> SeedRange:
    """Check what a spec states under `seeds`.

    Raises:
        ValueError: naming what is wrong.
    """
    try:
        return SeedRange(**stated)  # type: ignore[arg-type]  # pydantic checks them
    except ValidationError as error:
        raise ValueError(f"seeds: {describe_validation_error(error, SeedRange)}") from None


def look_of(looks: Sequence[int], seeds: Iterable[int]) -> int:
    """Return the look that trials with these seeds belong to, from 1."""
    needed = max(seeds, default=0) + 1
    return next((n for n, count in enumerate(looks, start=1) if count >= needed), len(looks) or 1)

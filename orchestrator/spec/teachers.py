"""The teachers of a design: a cell may be distilled from another cell of its spec."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orchestrator.spec.design import Point
from vss.errors import UserError
from vss.suggestions import did_you_mean
from vss.untrusted.messages import excerpt, excerpt_name, list_briefly


@dataclass(frozen=True)
class Teacher:
    """The cell that teaches a student, and its seed if the spec fixes one."""

    cell: str
    fixed_seed: int | None

    def seed(self, student_seed: int) -> int:
        """Return the seed of the trial that teaches a student with this seed."""
        return student_seed if self.fixed_seed is None else self.fixed_seed


def assign_teachers(points: Sequence[Point], seeds: Sequence[int]) -> dict[str, Teacher]:
    """Return the teacher of each cell that has one.

    Raises:
        UserError: if a teacher is not a cell, has a teacher itself, or lacks the fixed seed.
    """
    settings_by_cell = {point.cell: point.settings for point in points}
    teachers = {}
    for point in points:
        cell, seed = point.settings.get("teacher", "none"), point.settings.get("teacher_seed")
        if cell != "none":
            _check(point.cell, cell, seed, settings_by_cell, seeds)
            teachers[point.cell] = Teacher(cell, seed)
        elif seed is not None:
            raise UserError(
                f"cell '{excerpt_name(point.cell)}': teacher_seed ({excerpt(seed)}) has no effect "
                "without a teacher: remove it, or set teacher"
            )
    return teachers


def _check(
    student: str,
    teacher: object,
    seed: object,
    settings_by_cell: Mapping[str, Mapping[str, object]],
    seeds: Sequence[int],
) -> None:
    place = f"cell '{excerpt_name(student)}'"
    if not isinstance(teacher, str) or teacher not in settings_by_cell:
        hint = did_you_mean(str(teacher), settings_by_cell)
        raise UserError(
            f"{place}: teacher {excerpt(teacher)} is not a cell of this spec "
            f"(cells: {list_briefly(settings_by_cell)}){hint}"
        )
    if settings_by_cell[teacher].get("teacher", "none") != "none":
        raise UserError(
            f"{place}: teacher '{excerpt_name(teacher)}' has a teacher itself, "
            "but chains of teachers are not supported"
        )
    if seed is not None and (type(seed) is not int or seed not in seeds):
        raise UserError(
            f"{place}: teacher_seed {excerpt(seed)} is not one of the seeds {list_briefly(seeds)}"
        )

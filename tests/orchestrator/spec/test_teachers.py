"""Cells that are distilled from other cells."""

import pytest

from tests.orchestrator.spec.conftest import SpecLoader
from vss.errors import UserError

STUDENTS = """
cells:
  big: {width: 128}
  small: {teacher: big, distillation_weight: 10}
"""


def test_student_learns_from_the_teacher_with_the_same_seed(load: SpecLoader) -> None:
    trials = load(STUDENTS).trials

    teachers = {t.config.seed: t.trial_id for t in trials if t.cell == "big"}
    students = {t.config.seed: t.config.teacher for t in trials if t.cell == "small"}
    assert students == teachers


def test_fixed_teacher_seed_gives_all_students_the_same_teacher(load: SpecLoader) -> None:
    trials = load(STUDENTS.replace("weight: 10", "weight: 10, teacher_seed: 1")).trials

    assert {t.config.teacher for t in trials if t.cell == "small"} == {
        t.trial_id for t in trials if t.cell == "big" and t.config.seed == 1
    }


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            ("teacher: big", "teacher: bgi"),
            "teacher 'bgi' is not a cell.*cells: big, small.*did you mean 'big'",
        ),
        (("weight: 10", "weight: 10, teacher_seed: 7"), "teacher_seed 7 is not one of the seeds"),
        (("width: 128", "width: 128, teacher_seed: 1"), "has no effect without a teacher"),
        (
            ("{width: 128}", "{width: 128, teacher: small, distillation_weight: 1}"),
            "has a teacher itself, but chains of teachers",
        ),
    ],
)
def test_wrong_teacher_is_refused(load: SpecLoader, change: tuple[str, str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        load(STUDENTS.replace(*change))

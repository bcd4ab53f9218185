"""Cells that learn from other cells, or start from their weights."""

from dataclasses import replace

import pytest

from orchestrator.spec.experiment import Experiment
from tests.orchestrator.spec.conftest import BASE, SpecLoader
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
        (
            ("weight: 10", "weight: 10, teacher_seed: 7"),
            "teacher_seed 7 is not one of the seeds that are trained in any case",
        ),
        (("width: 128", "width: 128, teacher_seed: 1"), "has no effect without a teacher"),
        (
            ("{width: 128}", "{width: 128, teacher: small, distillation_weight: 1}"),
            "cells depend on each other: 'small' needs 'big', 'big' needs 'small'",
        ),
        (("teacher: big", "teacher: small"), "cell 'small': is its own teacher: set teacher: "),
    ],
)
def test_wrong_teacher_is_refused(load: SpecLoader, change: tuple[str, str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        load(STUDENTS.replace(*change))


CHAIN = """
cells:
  student: {teacher: big, distillation_weight: 1, weights: {cell: small}}
  big: {weights: {cell: large, part: network}}
  small: {}
  large: {dataset: camvid}
"""


def trial_ids(experiment: Experiment) -> dict[tuple[str, int], str]:
    return {(t.cell, t.config.seed): t.trial_id for t in experiment.trials}


def test_trials_refer_to_the_weights_of_another_trial_with_their_seed(load: SpecLoader) -> None:
    experiment = load(CHAIN)

    trials = trial_ids(experiment)
    for trial in experiment.trials:
        seed, weights = trial.config.seed, trial.config.weights
        if trial.cell == "big":
            assert weights == f"network:{trials['large', seed]}"
        if trial.cell == "student":
            assert weights == f"backbone:{trials['small', seed]}"
            assert trial.config.teacher == trials["big", seed]


def test_fixed_seed_gives_all_trials_the_same_weights(load: SpecLoader) -> None:
    experiment = load("cells: {a: {}, b: {weights: {cell: a, seed: 1}}}")

    trials = trial_ids(experiment)
    weights = {t.config.weights for t in experiment.trials if t.cell == "b"}
    assert weights == {f"backbone:{trials['a', 1]}"}


def test_experiment_lists_what_its_cells_depend_on(load: SpecLoader) -> None:
    dependencies = load(CHAIN).dependencies

    roles = {cell: [(s.role, s.cell) for s in each] for cell, each in dependencies.items()}
    assert roles == {
        "student": [("teacher", "big"), ("backbone", "small")],
        "big": [("network", "large")],
    }


def test_weights_of_a_cell_that_another_one_equals_are_those_of_the_other(
    load: SpecLoader,
) -> None:
    experiment = load("grid: {width: [64]}\ncells: {a: {}, b: {weights: {cell: width=64}}}")

    assert list(experiment.cells) == ["a", "b"]
    assert experiment.dependencies["b"][0].cell == "a"


def test_other_weights_of_the_source_make_another_trial(load: SpecLoader) -> None:
    ids = [trial_ids(load(CHAIN.replace("small: {}", f"small: {{steps: {n}}}"))) for n in (5, 6)]

    assert ids[0]["student", 0] != ids[1]["student", 0]
    assert ids[0]["big", 0] == ids[1]["big", 0]


def test_weights_can_be_a_factor(load: SpecLoader) -> None:
    rest = """
    grid: {weights: [none, {cell: a}, {cell: a, part: network}], width: [64]}
    cells: {a: {steps: 9}}
    """

    assert list(load(rest).cells) == [
        "weights=none width=64", "weights=a width=64", "weights=network of a width=64", "a",
    ]  # fmt: skip


@pytest.mark.slow
def test_long_chain_is_built(load: SpecLoader) -> None:
    cells = "\n".join(f"  c{n}: {{weights: {{cell: c{n + 1}}}}}" for n in range(2000))

    experiment = load(f"seeds: [0]\ncells:\n{cells}\n  c2000: {{}}\n")

    assert len({trial.trial_id for trial in experiment.trials}) == 2001


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ("a: {weights: {cell: b}}", "cell 'a': weights: 'b' is not a cell of this spec"),
        ("ab: {}, b: {weights: {cell: abc}}", "did you mean 'ab'"),
        ("a: {weights: {cell: a}}", "cell 'a': starts from its own weights: set weights: none"),
        ("a: {weights: {cell: b}}, b: {weights: {cell: a}}", "cells depend on each other: 'b' n"),
        ("a: {}, b: {weights: {cell: a, part: head}}", "part.*'backbone' or 'network'.*head"),
        ("a: {}, b: {weights: {cel: a}}", "cel.*write for example {cell: pretraining, part"),
        ("a: {}, b: {weights: {cell: a, seed: 9}}", "weights: seed 9 is not one of the s"),
        ("a: {}, b: {weights: {1: a}}", "cell 'b': weights: "),
        ("a: {}, b: {steps: 0, weights: {cell: a}}", "cell 'b': steps is 0.*part: network"),
    ],
)
def test_wrong_weights_are_refused(load: SpecLoader, cells: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        load(f"cells: {{{cells}}}")


def test_base_may_name_the_cell_that_all_others_start_from(load: SpecLoader) -> None:
    base = BASE.replace("  steps:", "  weights: {cell: pre}\n  steps:")

    cells = load("cells: {pre: {weights: none}, a: {}}", base).cells

    assert cells["a"].weights == f"backbone:{cells['pre'].trial_id}"
    with pytest.raises(UserError, match="cell 'pre': starts from its own weights"):
        load("cells: {pre: {}, a: {steps: 9}}", base)


def test_two_cells_of_one_name_are_refused(load: SpecLoader) -> None:
    with pytest.raises(UserError, match="two different cells are named 'steps=5'"):
        load("grid: {steps: [5]}\ncells: {a: {}, steps=5: {weights: {cell: a}}}")


def test_trials_that_join_later_bring_what_they_depend_on(load: SpecLoader) -> None:
    planned = load(CHAIN)
    first = tuple(trial for trial in planned.trials if trial.config.seed == 0)
    later = tuple(trial for trial in planned.trials if trial.config.seed == 1)
    experiment = replace(planned, trials=first, later_trials=later)

    grown = experiment.joined_by([trial_ids(planned)["student", 1]])

    joined = {(trial.cell, trial.config.seed) for trial in grown.trials[:]}
    assert joined == {(trial.cell, seed) for trial in first for seed in (0, 1)}
    assert grown.later_trials == ()

"""The checked experiment that is built from a spec."""

import pytest

from tests.orchestrator.spec.conftest import SpecLoader
from vss.errors import UserError


def test_every_cell_is_trained_with_every_seed(load: SpecLoader) -> None:
    experiment = load("grid: {memory_length: [1, 2]}")

    assert [(t.cell, t.config.seed) for t in experiment.trials] == [
        ("memory_length=1", 0),
        ("memory_length=1", 1),
        ("memory_length=2", 0),
        ("memory_length=2", 1),
    ]


def test_grid_ablate_and_cells_mix_and_equal_cells_are_merged(load: SpecLoader) -> None:
    experiment = load("""
        grid: {memory_length: [1, 2]}
        ablate: {memory_length: [2]}
        cells: {longest: {memory_length: 4}}
    """)

    assert list(experiment.cells) == ["memory_length=1", "memory_length=2", "longest"]


def test_chosen_name_takes_precedence_over_a_generated_one(load: SpecLoader) -> None:
    experiment = load("grid: {memory_length: [1, 2]}\ncells: {two: {memory_length: 2}}")

    assert list(experiment.cells) == ["memory_length=1", "two"]


def test_first_cell_is_the_baseline_by_default(load: SpecLoader) -> None:
    assert load("grid: {memory_length: [1, 2]}").baseline == "memory_length=1"


def test_baseline_may_be_the_name_of_a_merged_cell(load: SpecLoader) -> None:
    experiment = load("""
        grid: {memory_length: [1, 2]}
        cells: {two: {memory_length: 2}}
        baseline: memory_length=2
    """)

    assert experiment.baseline == "two"


def test_resources_do_not_change_the_identity_of_trials(load: SpecLoader) -> None:
    ids = [
        [t.trial_id for t in load(f"cells: {{a: {{}}}}\nresources: {{cpus: {n}}}").trials]
        for n in (1, 2)
    ]

    assert ids[0] == ids[1]


def test_trials_are_looked_up_by_their_identity(load: SpecLoader) -> None:
    experiment = load("grid: {memory_length: [1, 2]}")

    assert list(experiment.trial_by_id) == [trial.config.trial_id for trial in experiment.trials]
    assert all(trial.trial_id == trial_id for trial_id, trial in experiment.trial_by_id.items())


def test_published_results_follow_a_cell_that_is_merged(load: SpecLoader) -> None:
    experiment = load("""
        ablate: {width: [{width: 32, published: {miou: 0.5}}]}
        cells: {narrow: {width: 32}}
    """)

    assert list(experiment.cells) == ["base", "narrow"]
    assert experiment.published == {"narrow": {"miou": 0.5}}


def test_merged_cells_may_state_the_same_published_results_only(load: SpecLoader) -> None:
    twice = "cells: {{a: {{published: {{miou: 0.5}}}}, b: {{published: {{miou: {}}}}}}}"

    assert load(twice.format(0.5)).published == {"a": {"miou": 0.5}}
    with pytest.raises(UserError, match="cell 'b' has the settings of 'a', but other published"):
        load(twice.format(0.7))


def test_merged_cells_have_the_highest_priority(load: SpecLoader) -> None:
    experiment = load("cells: {a: {priority: 1}, b: {priority: 5}, c: {width: 32, priority: 2}}")

    assert [(t.cell, t.priority) for t in experiment.trials] == [
        ("a", 5), ("a", 5), ("c", 2), ("c", 2),
    ]  # fmt: skip


def test_merged_names_are_described(load: SpecLoader) -> None:
    experiment = load("cells: {a: {}, b: {}, c: {width: 32}}")

    assert experiment.describe_merged() == [
        "cell 'b' has the settings of 'a': both are trained as 'a'"
    ]


@pytest.mark.parametrize("name", ["a:0", "a:7", "a:sample 3"])
def test_cell_named_like_a_trial_of_another_is_refused(load: SpecLoader, name: str) -> None:
    with pytest.raises(UserError, match=f"cell '{name}' is named like a trial of 'a': rename one"):
        load(f'cells: {{a: {{}}, "{name}": {{width: 32}}}}')

    assert list(load(f'cells: {{b: {{}}, "{name}": {{width: 32}}}}').cells) == ["b", name]


def test_priority_is_no_part_of_a_trial(load: SpecLoader) -> None:
    plain = load("cells: {a: {memory_length: 1}, b: {memory_length: 2}}")
    urgent = load("cells: {a: {memory_length: 1, priority: 2}, b: {memory_length: 2}}")

    assert [t.trial_id for t in urgent.trials] == [t.trial_id for t in plain.trials]
    assert [t.priority for t in urgent.trials] == [2, 2, 0, 0]


def test_priority_is_no_part_of_a_cells_name(load: SpecLoader) -> None:
    experiment = load("ablate: {memory_length: [{memory_length: 2, priority: 1}]}")

    assert list(experiment.cells) == ["base", "memory_length=2"]


def test_priority_must_be_a_whole_number(load: SpecLoader) -> None:
    with pytest.raises(UserError, match=r"'priority' must be a whole number .*\(got 'high'\)"):
        load("cells: {a: {memory_length: 1, priority: high}}")

"""The design of an experiment: grid, ablate, cells and exclude."""

from tests.orchestrator.spec.conftest import SpecLoader


def test_grid_is_crossed(load: SpecLoader) -> None:
    experiment = load("grid: {memory_length: [1, 2], share_slots: [false, true]}")

    assert list(experiment.cells) == [
        "memory_length=1 share_slots=false",
        "memory_length=1 share_slots=true",
        "memory_length=2 share_slots=false",
        "memory_length=2 share_slots=true",
    ]


def test_ablation_changes_one_factor_at_a_time(load: SpecLoader) -> None:
    experiment = load("ablate: {memory_length: [2, 4], width: [32]}")

    changes = {
        name: (config.memory_length, config.width) for name, config in experiment.cells.items()
    }
    assert changes == {
        "base": (1, 64),
        "memory_length=2": (2, 64),
        "memory_length=4": (4, 64),
        "width=32": (1, 32),
    }


def test_value_may_change_several_settings_together(load: SpecLoader) -> None:
    experiment = load("ablate: {head: [{head: psp, memory_length: 0}]}")

    assert experiment.cells["psp memory_length=0"].head == "psp"


def test_named_cells_keep_their_names(load: SpecLoader) -> None:
    experiment = load("cells: {small: {width: 16}, large: {}}")

    assert list(experiment.cells) == ["small", "large"]


def test_excluded_combinations_are_left_out(load: SpecLoader) -> None:
    experiment = load("""
        grid: {memory_length: [1, 2], width: [16, 32]}
        exclude: [{memory_length: 2, width: 32}]
    """)

    assert "memory_length=2 width=32" not in experiment.cells
    assert len(experiment.cells) == 3


def test_exclusion_comes_before_validation(load: SpecLoader) -> None:
    """Image heads can be crossed with memory lengths if the impossible cells are excluded."""
    experiment = load("""
        grid: {head: [fcn, tma], memory_length: [0, 2]}
        exclude: [{head: fcn, memory_length: 2}, {head: tma, memory_length: 0}]
    """)

    assert list(experiment.cells) == ["fcn memory_length=0", "tma memory_length=2"]

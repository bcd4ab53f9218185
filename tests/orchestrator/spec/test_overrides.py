"""Overrides: what they change, and how they are recorded."""

import pytest

from orchestrator.spec.file import load_spec, parse_recorded_spec
from orchestrator.spec.overrides import read_overrides
from tests.conftest import TINY_SPEC, SpecWriter
from vss.errors import UserError

GRID_SPEC = TINY_SPEC.partition("cells:")[0] + "grid: {head: [fcn, psp]}\nseeds: [0]\n"


def test_settings_and_keys_are_overridden(write_spec: SpecWriter) -> None:
    overrides = ["steps=50", "seeds=[3]", "name=short", "learning_rate=1e-4", "resources.cpus=2"]

    experiment = load_spec(write_spec(TINY_SPEC), overrides)

    assert [trial.config.seed for trial in experiment.trials] == [3, 3]
    assert {(c.steps, c.learning_rate) for c in experiment.cells.values()} == {(50, 1e-4)}
    assert (experiment.name, experiment.resources.cpus) == ("short", 2)


def test_trials_are_those_of_a_spec_with_the_same_settings(write_spec: SpecWriter) -> None:
    overridden = load_spec(write_spec(TINY_SPEC), ["steps=50"])
    edited = load_spec(write_spec(TINY_SPEC.replace("steps: 4", "steps: 50")))

    assert list(overridden.trial_by_id) == list(edited.trial_by_id)


def test_one_cell_is_overridden(write_spec: SpecWriter) -> None:
    experiment = load_spec(
        write_spec(TINY_SPEC), ["cells.image.head=psp", "seeds={from: 3, to: 5}"]
    )

    assert [config.head for config in experiment.cells.values()] == ["psp", "tma"]
    assert experiment.looks == (3, 4, 5)


def test_cell_is_removed_by_null(write_spec: SpecWriter) -> None:
    experiment = load_spec(write_spec(TINY_SPEC), ["cells.image=null"])

    assert len(load_spec(write_spec(TINY_SPEC)).cells) == 2
    assert len(experiment.cells) == 1
    with pytest.raises(UserError, match="no cell 'imag' under 'cells': did you mean"):
        load_spec(write_spec(TINY_SPEC), ["cells.imag=null"])


@pytest.mark.parametrize("name", ["a.b", "a.b.c", "lr=0.1", "a=b.c"])
def test_name_of_a_cell_may_have_dots_and_equals_signs(write_spec: SpecWriter, name: str) -> None:
    spec = write_spec(TINY_SPEC.replace("image:", f'"{name}":'))

    changed = load_spec(spec, [f"cells.{name}.head=psp", f"cells.{name}.steps=7"]).cells[name]

    assert (changed.head, changed.steps) == ("psp", 7)
    assert name not in load_spec(spec, [f"cells.{name}=null"]).cells
    replaced = load_spec(spec, [f"cells.{name}=null", f"cells.{name}={{head: psp}}"])
    assert replaced.cells[name].head == "psp"


def test_cell_with_the_name_of_a_grid_cell_is_removed(write_spec: SpecWriter) -> None:
    name = "class_weights=[1, 2]"
    spec = write_spec(TINY_SPEC.replace("image:", f'"{name}":'))

    assert list(load_spec(spec, [f"cells.{name}=null"]).cells) == ["memory"]


def test_part_of_a_setting_is_overridden(write_spec: SpecWriter) -> None:
    spec = write_spec(
        TINY_SPEC.replace("cells:", "cells:\n  other: {head: psp}").replace(
            "  clips: 2\n", "  clips: 2\n  weights: {cell: other}\n"
        )
    )

    with pytest.raises(UserError, match=r"'base\.steps' is 4 in the spec, not a mapping"):
        load_spec(spec, ["steps.x=5"])
    with pytest.raises(UserError, match="imge"):  # and not: 'weights' is unknown
        load_spec(spec, ["weights.cell=imge"])


def test_settings_that_only_specs_have_are_overridden(write_spec: SpecWriter) -> None:
    experiment = load_spec(write_spec(TINY_SPEC), ["priority=1"])

    assert {trial.priority for trial in experiment.trials} == {1}


def test_last_cell_is_not_removed(write_spec: SpecWriter) -> None:
    names = list(load_spec(write_spec(TINY_SPEC)).cells)

    with pytest.raises(UserError, match=f"'cells.{names[-1]}=null' removes the last cell"):
        load_spec(write_spec(TINY_SPEC), [f"cells.{name}=null" for name in names])

    others = [f"cells.{name}=null" for name in names] + ["cells.other={head: fcn}"]
    assert list(load_spec(write_spec(TINY_SPEC), others).cells) == ["other"]


def test_cell_of_a_grid_is_not_looked_for_under_cells(write_spec: SpecWriter) -> None:
    with pytest.raises(UserError, match="those of 'grid' and 'ablate' are changed there"):
        load_spec(write_spec(GRID_SPEC), ["cells.fcn=null"])


@pytest.mark.parametrize("end_of_line", ["\n", "\r", "\x0b", "\x85", "\u2028", "\u2029"])
def test_override_of_two_lines_is_refused(write_spec: SpecWriter, end_of_line: str) -> None:
    for override in (f"description=a{end_of_line}b", f"description=a{end_of_line}"):
        with pytest.raises(UserError, match="write KEY=VALUE on one line"):
            load_spec(write_spec(TINY_SPEC), [override])


def test_source_is_the_spec_as_written_with_the_overrides(write_spec: SpecWriter) -> None:
    experiment = load_spec(write_spec(TINY_SPEC), ["steps=50", "seeds=[3, 4]"])

    assert experiment.source == f"{TINY_SPEC}# overrides: steps=50 'seeds=[3, 4]'\n"
    assert read_overrides(experiment.source) == ["steps=50", "seeds=[3, 4]"]
    assert parse_recorded_spec(experiment.source).seeds == [3, 4]


def test_recorded_spec_is_submitted_as_written(write_spec: SpecWriter) -> None:
    recorded = load_spec(write_spec(TINY_SPEC), ["steps=50"]).source

    assert load_spec(write_spec(recorded)).source == TINY_SPEC
    assert load_spec(write_spec(recorded), ["steps=50"]).source == recorded


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("step=50", r"'step' is neither a key of the spec \(ablate, .*did you mean 'steps'"),
        ("seed=0", "did you mean 'seeds'"),
        ("steps", "override 'steps': write KEY=VALUE"),
        ("=5", "write KEY=VALUE"),
        ("steps=[", r"override 'steps=\[': '\[' is not valid YAML"),
        ("steps=many", "'steps'.*'many'"),
        ("seeds.from=3", r"'seeds' is \[0, 1\] in the spec, not a mapping"),
        ("cells.imgae.head=psp", "no cell 'imgae' under 'cells': did you mean 'image'"),
        ("resources.cpu=2", "'resources.cpu': did you mean 'cpus'"),
    ],
)
def test_mistake_is_named(write_spec: SpecWriter, override: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        load_spec(write_spec(TINY_SPEC), [override])


def test_override_that_reaches_no_cell_is_refused(write_spec: SpecWriter) -> None:
    with pytest.raises(UserError, match="'head=ann' has no effect: every cell states 'head'"):
        load_spec(write_spec(GRID_SPEC), ["head=ann"])

    experiment = load_spec(write_spec(GRID_SPEC), ["grid.head=[ann]"])
    assert list(experiment.cells) == ["ann"]

"""Specs that extend other ones, read from files."""

import json
from pathlib import Path

import pytest

from orchestrator.spec.extension.resolve import resolve_extension
from orchestrator.spec.file import load_spec, load_spec_text, parse_recorded_spec
from tests.conftest import TINY_SPEC
from vss.errors import UserError
from vss.untrusted.yaml_text import read_yaml


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "small").mkdir()
    (tmp_path / "tiny.yaml").write_text(TINY_SPEC)
    return tmp_path


def extend(folder: Path, text: str, name: str = "small/smaller.yaml") -> Path:
    (folder / name).write_text(text)
    return folder / name


def test_spec_is_another_one_with_changes(folder: Path) -> None:
    path = extend(
        folder,
        "# Why it is smaller.\nextends: ../tiny.yaml\nname: smaller\nbase: {steps: 2}\n"
        "cells: {memory: null, wide: {head: fcn, width: 16}}\nseeds: [7]\n",
    )

    experiment = load_spec(path)

    assert (experiment.name, list(experiment.cells)) == ("smaller", ["image", "wide"])
    assert {(c.steps, c.clips, c.seed) for c in experiment.cells.values()} == {(2, 2, 7)}
    assert experiment.paths_outside(path.parent) == [str(folder / "tiny.yaml")]


def test_recorded_text_stands_alone(folder: Path) -> None:
    path = extend(folder, "# Why.\nextends: ../tiny.yaml\nname: smaller\nbase: {steps: 2}\n")
    experiment = load_spec(path, ["batch_size=4"])

    (folder / "tiny.yaml").unlink()
    again = load_spec_text(experiment.source, folder / "elsewhere.yaml")

    assert experiment.source.startswith("# Why.\n# Extends tiny.yaml.\nname: smaller\n")
    assert parse_recorded_spec(experiment.source).base["batch_size"] == 4
    assert [t.config.steps for t in again.trials] == [2] * 4


def test_equal_trials_are_shared(folder: Path) -> None:
    path = extend(folder, "extends: ../tiny.yaml\nname: same\ndescription: again\n")

    assert load_spec(path).trial_by_id.keys() == load_spec(folder / "tiny.yaml").trial_by_id.keys()


def test_chain_is_merged_from_its_far_end(folder: Path) -> None:
    extend(folder, "extends: tiny.yaml\nname: b\nbase: {steps: 3, batch_size: 4}\n", "b.yaml")
    path = extend(folder, "extends: ../b.yaml\nname: c\nbase: {steps: 2}\n")

    (config, *_) = load_spec(path).cells.values()

    assert (config.steps, config.batch_size) == (2, 4)


def test_what_two_specs_extend_counts_once(folder: Path) -> None:
    """Otherwise the common one would undo what the first of the two changes."""
    extend(folder, "extends: tiny.yaml\nname: b\nbase: {steps: 3, batch_size: 4}\n", "b.yaml")
    extend(
        folder,
        "extends: tiny.yaml\nname: d\nbase: {steps: 2, eval_every: null}\nseeds: [7]\n",
        "scale.yaml",
    )
    path = extend(folder, "extends: [../b.yaml, ../scale.yaml]\nname: c\n")

    experiment = load_spec(path)

    configs = [trial.config for trial in experiment.trials]
    assert {(c.steps, c.batch_size, c.eval_every, c.seed) for c in configs} == {(2, 4, 0, 7)}
    names = [file.name for file in experiment.extended_specs]
    assert names == ["tiny.yaml", "b.yaml", "scale.yaml"]


@pytest.mark.parametrize(
    "text",
    [
        "'1e-3'", "'no'", "'null'", "'a: b # c'", "'~'", "''", "'- x'", "'0x1F'", '"\\u00e4 \\t"',
        "'1'", "'{a'",
    ],
)  # fmt: skip
def test_texts_stay_texts(folder: Path, text: str) -> None:
    source = f"extends: ../tiny.yaml\nname: a\ndescription: {text}\nx-own: [{text}]\n"

    standalone = resolve_extension(source, folder / "small" / "a.yaml").text

    assert read_yaml(standalone)["description"] == read_yaml(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("extends: ../tiny.yaml\nseeds: [1]\n", "'name' is missing: a spec that extends another"),
        ("extends: ../tini.yaml\nname: a\n", r"'extends': .*tini.yaml.*relative to the spec"),
        ("extends: [1]\nname: a\n", "'extends' must be the path of another spec, or a list"),
        ("extends: smaller.yaml\nname: a\n", "extend each other in a circle.*smaller.yaml > sm"),
        ("extends: ../list.yaml\nname: a\n", "list.yaml is not a spec"),
        ("{extends: ../tiny.yaml, name: a, base: {stesp: 1}}", "unknown setting 'stesp'"),
    ],
)
def test_mistakes_are_named(folder: Path, text: str, message: str) -> None:
    (folder / "list.yaml").write_text("[1]")

    with pytest.raises(UserError, match=message):
        load_spec(extend(folder, text))


def test_spec_that_extends_none_is_recorded_as_written(folder: Path) -> None:
    text = f"# extends: nothing\n{TINY_SPEC}"

    assert resolve_extension(text, folder / "a.yaml").text == text


@pytest.mark.parametrize("name", ["loop.yaml", "a\0b"])
def test_path_that_leads_nowhere_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "loop.yaml").symlink_to("loop.yaml")
    source = f"name: study\nextends: {json.dumps(name)}\n"

    with pytest.raises(UserError, match="is no valid path"):
        resolve_extension(source, tmp_path / "spec.yaml")

"""The spec as a file: how it is read, and how a bad one is refused."""

from pathlib import Path

import pytest

from orchestrator.spec.file import load_spec
from tests.conftest import SpecWriter
from tests.orchestrator.spec.conftest import BASE, SpecLoader
from vss.errors import UserError


def test_spec_is_read_as_yaml_1_2(load: SpecLoader) -> None:
    config = load("cells: {a: {learning_rate: 1e-2}}\ndescription: no").cells["a"]

    assert config.learning_rate == 0.01


@pytest.mark.parametrize(
    ("rest", "message"),
    [
        ("cell: {a: {}}", "unknown setting 'cell': did you mean 'cells'?"),
        ("cells: {a: {memory_lenght: 2}}", "cell 'a': unknown setting 'memory_lenght': did you me"),
        ("cells: {a: {head: tam}}", "cell 'a': unknown head 'tam': did you mean 'tma'?"),
        ("cells: {a: {head: fcn}}", "cell 'a': head 'fcn' reads only the current frame"),
        ("cells: {a: {momentum: 0.9}}", "cell 'a': 'momentum' applies only to"),
        ("cells: {a: {steps: many}}", "'steps': must be a whole number (got 'many')"),
        ("cells: {a: {seed: 3}}", "cell 'a': 'seed' must not be set in a cell (got 3): list it"),
        ("cells: {a: {}}\nbaseline: b", "baseline 'b' is not a cell (cells: a)"),
        ("cells: {a: {}}\nexclude: [{head: tma}]", "the spec defines no cells: add grid, cells or"),
        ("cells: {a: {steps: 1e9}}", "cell 'a': 'steps': write 1000000000, a whole number"),
        ("cells: [a]", "'cells': must be a mapping of names to values (got ['a'])"),
        ("cells: {a: {}}\nexclude: [{haed: tma}]", "exclude: unknown setting 'haed': did you mean"),
        ("cells: {a: {}}\nseeds: []", "'seeds': must have at least 1 item (got [])"),
        ("cells: {a: {}}\nseeds: [1, 1]", "'seeds' contains duplicates: list each seed once (got"),
        ("cells: {a: {}}\nseeds: 3", "'seeds': must be a list, such as [3] (got 3)"),
        ("cells: {a: {weights: no.pth}}", "no.pth: No such file or directory (paths are relative"),
        ("cells: {a: {}}\nresources: {cpu: 1}", "unknown setting 'resources.cpu': did you mean '"),
        ("cells: {a: {}}\nresources: {gpus: 1.5}", "'resources.gpus': a number above 1 must be wh"),
        ("cells: {a: {}, a: {}}", "line 17, column 16: found duplicate key \"a\"; write each key"),
        ("cells: {a: {}", "line 18, column 1: did not find expected ',' or '}'"),
        ("grid: {memory_length: [1]}\ncells: {memory_length=1: {width: 8}}", "two different cells"),
        ("cells: {a: {frame_stride: 2001-01-01}}", "'frame_stride': must be a whole number (got"),
    ],
)  # fmt: skip
def test_mistake_in_a_spec_is_reported_on_one_line_that_names_the_culprit(
    rest: str, message: str, load: SpecLoader
) -> None:
    with pytest.raises(UserError) as error:
        load(rest)

    assert message in str(error.value)
    assert "spec.yaml: " in str(error.value)
    assert "\n" not in str(error.value)


def test_base_alone_is_one_cell(load: SpecLoader) -> None:
    experiment = load("")

    assert list(experiment.cells) == ["base"]
    assert experiment.baseline == "base"


def test_keys_that_begin_with_x_hold_what_aliases_repeat(load: SpecLoader) -> None:
    experiment = load("x-wide: &wide {width: 32}\ncells: {a: {}, b: *wide}")

    assert experiment.cells["b"].width == 32


@pytest.mark.parametrize("text", ["- 1\n", "", "word\n"])
def test_file_without_settings_is_refused_with_an_example(
    text: str, write_spec: SpecWriter
) -> None:
    with pytest.raises(UserError, match="expected settings such as 'name: my-study', got"):
        load_spec(write_spec(text))


@pytest.mark.parametrize("name", ["", "a b", "../up", "x" * 81, ".hidden"])
def test_name_must_be_usable_as_a_folder_name(name: str, load: SpecLoader) -> None:
    with pytest.raises(UserError, match="'name': must (begin|have at most 80)"):
        load("cells: {a: {}}", BASE.replace("name: study", f"name: '{name}'"))


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot read spec .*no.yaml: No such file"):
        load_spec(tmp_path / "no.yaml")


@pytest.mark.parametrize(
    "path",
    sorted((Path(__file__).parents[3] / "experiments").rglob("*.yaml")),
    ids=lambda p: p.name,
)
def test_every_committed_spec_loads_and_names_its_schema_for_editors(path: Path) -> None:
    experiment = load_spec(path)

    assert experiment.trials
    assert path.read_text().startswith("# yaml-language-server: $schema=")

"""Specs: how a design is written, and what is said of a bad one."""

import json
import textwrap
from pathlib import Path

import pytest

from orchestrator.spec.file import Experiment, json_schema, load_spec
from tests.conftest import SpecWriter
from vss.errors import UserError

BASE = """
name: study
base:
  dataset: synthetic
  frame_width: 96
  frame_height: 64
  backbone: resnet18
  head: tma
  memory_length: 1
  include_current_frame: false
  steps: 300
  batch_size: 8
  optimizer: adamw
  learning_rate: 1e-3
  precision: fp32
"""


@pytest.fixture
def load(write_spec: SpecWriter):  # type: ignore[no-untyped-def]
    def read(rest: str, base: str = BASE) -> Experiment:
        rest = textwrap.dedent(rest)
        seeds = "" if "seeds:" in rest else "seeds: [0, 1]\n"
        return load_spec(write_spec(base + seeds + rest))

    return read


def test_grid_is_crossed(load) -> None:  # type: ignore[no-untyped-def]
    experiment = load("grid: {memory_length: [1, 2], share_slots: [false, true]}")

    assert list(experiment.cells) == [
        "memory_length=1 share_slots=false",
        "memory_length=1 share_slots=true",
        "memory_length=2 share_slots=false",
        "memory_length=2 share_slots=true",
    ]


def test_every_cell_is_trained_with_every_seed(load) -> None:  # type: ignore[no-untyped-def]
    experiment = load("grid: {memory_length: [1, 2]}")

    assert [(t.cell, t.config.seed) for t in experiment.trials] == [
        ("memory_length=1", 0),
        ("memory_length=1", 1),
        ("memory_length=2", 0),
        ("memory_length=2", 1),
    ]


def test_ablation_changes_one_factor_at_a_time(load) -> None:  # type: ignore[no-untyped-def]
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


def test_settings_of_a_value_may_move_together(load) -> None:  # type: ignore[no-untyped-def]
    experiment = load("ablate: {head: [{head: psp, memory_length: 0}]}")

    assert experiment.cells["psp memory_length=0"].head == "psp"


def test_named_cells_keep_their_names(load) -> None:  # type: ignore[no-untyped-def]
    experiment = load("cells: {small: {width: 16}, large: {}}")

    assert list(experiment.cells) == ["small", "large"]


def test_ways_of_varying_can_be_mixed_and_equal_cells_are_merged(load) -> None:  # type: ignore[no-untyped-def]
    experiment = load("""
        grid: {memory_length: [1, 2]}
        ablate: {memory_length: [2]}
        cells: {longest: {memory_length: 4}}
    """)

    assert list(experiment.cells) == ["memory_length=1", "memory_length=2", "longest"]


def test_chosen_name_beats_a_made_up_one(load) -> None:  # type: ignore[no-untyped-def]
    experiment = load("grid: {memory_length: [1, 2]}\ncells: {two: {memory_length: 2}}")

    assert list(experiment.cells) == ["memory_length=1", "two"]


def test_baseline_may_be_named_by_the_name_of_a_merged_cell(load) -> None:  # type: ignore[no-untyped-def]
    experiment = load("""
        grid: {memory_length: [1, 2]}
        cells: {two: {memory_length: 2}}
        baseline: memory_length=2
    """)

    assert experiment.baseline == "two"


def test_first_cell_is_the_baseline_unless_another_is_named(load) -> None:  # type: ignore[no-untyped-def]
    assert load("grid: {memory_length: [1, 2]}").baseline == "memory_length=1"


def test_excluded_combinations_are_left_out(load) -> None:  # type: ignore[no-untyped-def]
    experiment = load("""
        grid: {memory_length: [1, 2], width: [16, 32]}
        exclude: [{memory_length: 2, width: 32}]
    """)

    assert "memory_length=2 width=32" not in experiment.cells
    assert len(experiment.cells) == 3


def test_exclusion_comes_before_the_check(load) -> None:  # type: ignore[no-untyped-def]
    """An image head crossed with memory lengths is fine where the impossible ones are excluded."""
    experiment = load("""
        grid: {head: [fcn, tma], memory_length: [0, 2]}
        exclude: [{head: fcn, memory_length: 2}, {head: tma, memory_length: 0}]
    """)

    assert list(experiment.cells) == ["fcn memory_length=0", "tma memory_length=2"]


def test_image_heads_may_omit_both_memory_settings(load) -> None:  # type: ignore[no-untyped-def]
    base = BASE.replace("  memory_length: 1\n", "").replace("  include_current_frame: false\n", "")

    config = load("cells: {image: {head: fcn}}", base).cells["image"]

    assert (config.memory_length, config.include_current_frame) == (0, False)


def test_yaml_is_of_version_1_2(load) -> None:  # type: ignore[no-untyped-def]
    config = load("cells: {a: {learning_rate: 1e-2}}\ndescription: no").cells["a"]

    assert config.learning_rate == 0.01


def test_precision_is_resolved_where_it_is_left_open(load) -> None:  # type: ignore[no-untyped-def]
    base = BASE.replace("  precision: fp32\n", "")

    assert load("cells: {a: {}}", base).cells["a"].precision in ("fp32", "bf16")
    gpu = load("cells: {a: {}}\nresources: {gpus: 1}", base)
    assert gpu.cells["a"].precision == "bf16"


def test_weights_enter_by_their_digest_and_not_by_their_path(load, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    for name in ("one.pth", "two.pth"):
        (tmp_path / name).write_bytes(b"same content")

    experiment = load("cells: {a: {weights: one.pth}, b: {weights: two.pth}}")

    assert list(experiment.cells) == ["a"]
    assert experiment.cells["a"].weights.startswith("sha256:")
    assert next(iter(experiment.weight_files.values())).read_bytes() == b"same content"


def test_resources_are_no_part_of_the_identity(load) -> None:  # type: ignore[no-untyped-def]
    ids = [
        [t.config.trial_id for t in load(f"cells: {{a: {{}}}}\nresources: {{cpus: {n}}}").trials]
        for n in (1, 2)
    ]

    assert ids[0] == ids[1]


@pytest.mark.parametrize(
    ("rest", "message"),
    [
        ("cell: {a: {}}", "unknown setting 'cell'; did you mean 'cells'?"),
        ("cells: {a: {memory_lenght: 2}}", "cell 'a': unknown setting 'memory_lenght'; did you me"),
        ("cells: {a: {head: tam}}", "cell 'a': unknown head 'tam'; did you mean 'tma'?"),
        ("cells: {a: {head: fcn}}", "cell 'a': head 'fcn' reads the current frame only"),
        ("cells: {a: {momentum: 0.9}}", "cell 'a': 'momentum' (it is 0.9) applies only to"),
        ("cells: {a: {steps: many}}", "'steps': input should be a valid integer (it is 'many')"),
        ("cells: {a: {seed: 3}}", "'seed' (it is 3) belongs into the list 'seeds'"),
        ("cells: {a: {}}\nbaseline: b", "baseline 'b' is not a cell; cells: a"),
        ("", "the design is empty: give grid, cells or ablate"),
        ("cells: {a: {}}\nexclude: [{head: tma}]", "the design is empty"),
        ("cells: {a: {}}\nexclude: [{haed: tma}]", "exclude: unknown setting 'haed'; did you mean"),
        ("cells: {a: {}}\nseeds: []", "'seeds': list should have at least 1 item"),
        ("cells: {a: {}}\nseeds: [1, 1]", "'seeds' holds a seed twice: [1, 1]"),
        ("cells: {a: {}}\nseeds: 3", "'seeds': input should be a valid list (it is 3)"),
        ("cells: {a: {weights: no.pth}}", "no.pth cannot be read (No such file or directory)"),
        ("cells: {a: {}}\nresources: {cpu: 1}", "unknown setting 'resources.cpu'; did you mean '"),
        ("cells: {a: {}}\nresources: {gpus: 1.5}", "'resources.gpus': more than one GPU must"),
        ("cells: {a: {}, a: {}}", "line 17, column 16: found duplicate key \"a\"; write each key"),
        ("cells: {a: {}", "line 17, column 14: expected ',' or '}', but got"),
        ("grid: {memory_length: [1]}\ncells: {memory_length=1: {width: 8}}", "two different cells"),
        ("cells: {a: {frame_stride: 2001-01-01}}", "'frame_stride': input should be a valid integ"),
    ],
)  # fmt: skip
def test_bad_spec_is_one_line_that_names_the_culprit(rest: str, message: str, load) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(UserError) as error:
        load(rest)

    assert message in str(error.value)
    assert "spec.yaml: " in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["- 1\n", "", "word\n"])
def test_file_that_holds_no_settings_is_told_so(text: str, write_spec: SpecWriter) -> None:
    with pytest.raises(UserError, match="expected settings such as 'name: my-study', found"):
        load_spec(write_spec(text))


@pytest.mark.parametrize("name", ["", "a b", "../up", "x" * 81, ".hidden"])
def test_name_must_be_fit_for_a_folder(name: str, load) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(UserError, match="'name': string should"):
        load("cells: {a: {}}", BASE.replace("name: study", f"name: '{name}'"))


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot read spec .*no.yaml: No such file"):
        load_spec(tmp_path / "no.yaml")


def test_schema_offers_the_known_names_and_no_seed() -> None:
    settings = json_schema()["$defs"]["settings"]["properties"]

    assert "tma" in settings["head"]["enum"]
    assert "auto" in settings["precision"]["enum"]
    assert "seed" not in settings


def test_schema_of_the_examples_is_the_current_one() -> None:
    """Written by: vss-orch schema > experiments/spec.schema.json"""
    kept = Path(__file__).parents[3] / "experiments" / "spec.schema.json"

    assert json.loads(kept.read_text()) == json_schema()


@pytest.mark.parametrize(
    "path",
    sorted((Path(__file__).parents[3] / "experiments").rglob("*.yaml")),
    ids=lambda p: p.name,
)
def test_every_example_is_a_valid_spec_with_the_line_that_editors_read(path: Path) -> None:
    experiment = load_spec(path)

    assert experiment.trials
    assert path.read_text().startswith("# yaml-language-server: $schema=")


STUDENTS = """
cells:
  big: {width: 128}
  small: {teacher: big, distillation_weight: 10}
"""


def test_student_holds_the_trial_of_its_teacher_of_the_same_seed(load) -> None:  # type: ignore[no-untyped-def]
    trials = load(STUDENTS).trials

    teachers = {t.config.seed: t.config.trial_id for t in trials if t.cell == "big"}
    students = {t.config.seed: t.config.teacher for t in trials if t.cell == "small"}
    assert students == teachers


def test_teacher_seed_gives_all_students_the_same_teacher(load) -> None:  # type: ignore[no-untyped-def]
    trials = load(STUDENTS.replace("weight: 10", "weight: 10, teacher_seed: 1")).trials

    assert {t.config.teacher for t in trials if t.cell == "small"} == {
        t.config.trial_id for t in trials if t.cell == "big" and t.config.seed == 1
    }


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("teacher: big", "teacher: bgi"), "teacher 'bgi' is not a cell.*did you mean 'big'"),
        (("weight: 10", "weight: 10, teacher_seed: 7"), "teacher_seed 7 is not among the seeds"),
        (("width: 128", "width: 128, teacher_seed: 1"), "means nothing without teacher"),
        (
            ("{width: 128}", "{width: 128, teacher: small, distillation_weight: 1}"),
            "has a teacher itself",
        ),
    ],
)
def test_bad_lesson_is_refused(load, change: tuple[str, str], message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(UserError, match=message):
        load(STUDENTS.replace(*change))

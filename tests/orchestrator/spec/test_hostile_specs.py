"""Specs that were generated or mutated: each loads, or ends in one short line, quickly."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.spec.file import load_spec
from orchestrator.spec.schema import ExperimentSpec
from tests.examples import (
    assert_loads_or_ends_in_one_line,
    assert_one_short_line,
    bounded,
    examples,
)
from tests.hostile import damaged, mutants
from tests.orchestrator.spec.conftest import BASE
from tests.vss.data.custom.test_dataset import YAML as DESCRIPTION
from vss.errors import UserError
from vss.trial_config import TrialConfig
from vss.untrusted.yaml_text import read_yaml

TEXTS = [
    path.read_text() for path in sorted((Path(__file__).parents[3] / "experiments").rglob("*.yaml"))
]
RICH = """
name: rich
seeds: {from: 3, to: 6}
margin: 0.5
baseline: big
base: {dataset: folder, dataset_file: data.yaml, frame_width: 96, frame_height: 64,
  backbone: resnet18, include_current_frame: false, steps: 10, batch_size: 2, optimizer: sgd,
  learning_rate: 0.1, class_weights: [1, 2.5, 1]}
cells:
  big: {head: tma, memory_length: 2, published: {miou: 0.7, train_time: "14:42:33"}}
  small: {head: fcn, width: 16, teacher: big, distillation_weight: 1, priority: 3}
  loaded: {head: fcn, weights: weights.safetensors}
grid: {head: [tma, apnb_tma], memory_length: [1, 2], change: [{width: 8}, {width: 16, steps: 5}]}
exclude: [{head: tma, width: 8}]
resources: {cpus: 2, gpus: 1, gpu_type: A100, retries: 2, on_failure: stop}
budget: {gpu_hours: 3}
"""
TEXTS.append(RICH)
SPECS = [read_yaml(text) for text in TEXTS]
KEYS = (
    tuple(ExperimentSpec.model_fields),
    (*TrialConfig.model_fields, "published", "teacher_seed", "priority"),
)
FACTORS = (
    "steps", "width", "head_channels", "batch_size", "frame_stride", "clips", "recurrence",
    "crop_width", "crop_height",
)  # fmt: skip
BILLION = {factor: list(range(10)) for factor in FACTORS}
FRAGMENTS = (
    "&a [*a]", "*a", "&a", "!!python/object/apply:os.system [id]", "!!set {a}", "!!binary AAAA",
    "<<: *a", "---\n", "...\n", "? [a]\n: b\n", "{" * 50, "[" * 50, "- " * 50, "\t", "\0", "\x1b",
    "'", '"', "|\n", ">-\n", "%YAML 1.1\n", "# overrides: 'steps=1'\n", '# overrides: "\n',
    "\ufeff", "9" * 5000, "1e9", ".inf", "2001-01-01", ": ", "~", "\u2028", "😀",
)  # fmt: skip


@pytest.fixture(scope="module")
def spec_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return the path of a spec, next to files of all kinds that it may name."""
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "weights.safetensors").write_bytes(b"\2\0\0\0\0\0\0\0{}")
    (folder / "archive.pth").write_bytes(b"PK\x03\x04")
    (folder / "text.txt").write_text("root:x:0:0\n")
    (folder / "data.yaml").write_text(DESCRIPTION)
    (folder / "folder").mkdir()
    (folder / "link").symlink_to("/etc/passwd")
    os.mkfifo(folder / "pipe")
    with (folder / "sparse").open("wb") as file:
        file.truncate(2**40)
    return folder / "spec.yaml"


@pytest.mark.slow
@examples(0.5)
@given(content=mutants(SPECS, KEYS))
def test_spec_with_an_odd_structure_loads_or_ends_in_one_line(
    spec_file: Path, content: Any
) -> None:
    spec_file.write_text(yaml.safe_dump(content, allow_unicode=True), errors="replace")

    assert_loads_or_ends_in_one_line(lambda: load_spec(spec_file))


@pytest.mark.slow
@examples(0.3)
@given(text=st.sampled_from(TEXTS), fragments=st.data())
def test_spec_with_odd_fragments_loads_or_ends_in_one_line(
    spec_file: Path, text: str, fragments: st.DataObject
) -> None:
    for _ in range(fragments.draw(st.integers(1, 3))):
        place = fragments.draw(st.integers(0, len(text)))
        text = text[:place] + fragments.draw(st.sampled_from(FRAGMENTS)) + text[place:]
    spec_file.write_text(text)

    assert_loads_or_ends_in_one_line(lambda: load_spec(spec_file))


@examples(0.2)
@given(content=st.sampled_from(TEXTS).flatmap(lambda text: damaged(text.encode())))
def test_damaged_spec_loads_or_ends_in_one_line(spec_file: Path, content: bytes) -> None:
    spec_file.write_bytes(content)

    assert_loads_or_ends_in_one_line(lambda: load_spec(spec_file))


def test_rich_spec_itself_loads(spec_file: Path) -> None:
    spec_file.write_text(RICH)

    assert len(load_spec(spec_file).cells) == 9


@pytest.mark.parametrize("name", ["/dev/zero", "pipe", "sparse", "folder", "missing", "a\0b"])
@pytest.mark.parametrize("setting", ["weights: ", "dataset: folder, dataset_file: "])
def test_named_file_that_is_no_small_regular_one_is_refused_at_once(
    spec_file: Path, setting: str, name: str
) -> None:
    spec_file.write_text(
        BASE + f'seeds: [0]\ncells: {{a: {{{setting}"{name}"}}}}'.replace("\0", r"\0")
    )

    with bounded(), pytest.raises(UserError, match="cell 'a': cannot read|larger than") as error:
        load_spec(spec_file)

    assert_one_short_line(str(error.value))


@pytest.mark.parametrize("name", ["/etc/passwd", "secret.yaml", "broken.yaml", "link"])
@pytest.mark.parametrize("setting", ["weights: ", "dataset: folder, dataset_file: "])
def test_nothing_is_repeated_of_a_file_that_is_something_else(
    spec_file: Path, setting: str, name: str
) -> None:
    (spec_file.parent / "secret.yaml").write_text("root: hunter2\nroot_password: hunter2\n")
    (spec_file.parent / "broken.yaml").write_text("hunter2: 1\nhunter2: *hunter2\n")
    spec_file.write_text(BASE + f"seeds: [0]\ncells: {{a: {{{setting}{name}}}}}")

    with pytest.raises(UserError) as error:
        load_spec(spec_file)

    assert not any(secret in str(error.value) for secret in ("hunter2", "root:", "root_"))
    assert_one_short_line(str(error.value))


@pytest.mark.parametrize(
    ("rest", "message"),
    [
        (f"grid: {BILLION}",
         r"1000000000 cells with 2 seeds each make 2000000000 trials \(at most 20000"),
        (f"seeds: {list(range(101))}\ncells: {{{', '.join(f'c{n}: {{}}' for n in range(200))}}}",
         "200 cells with 101 seeds each make 20200 trials"),
        ("cells: {a: {}}\nseeds: {from: 3, to: 1000000000}", "'to': must be at most 20000"),
        ("cells: {a: {steps: 1e9}}", "cell 'a': 'steps': write 1000000000, a whole number$"),
        ("cells: {a: {steps: 100000000000000000000}}", "'steps': must be at most 2147483647"),
        ("cells: {a: {learning_rate: .inf}}", r"'learning_rate': .*finite number \(got inf\)"),
        ("cells: {a: {dropout: .nan}}", r"'dropout': .*finite number \(got nan\)"),
        ("cells: {a: {}}\nmargin: .inf", r"'margin': .*finite number \(got inf\)"),
        ("cells: {a: {}}\nseeds: [18446744073709551616]", "'seeds.0': must be at most 2147483647 "),
        ('cells: {"a\\e[31m": {}}', r"cell 'a\\x1b\[31m': the name has a character to leave out"),
        ('cells: {"": {}}', "a cell has an empty name"),
        ('cells: {"a ": {}}', "cell 'a ': the name begins or ends with a space"),
        ("cells: {a: {}}\ngrid: {steps: []}", "grid 'steps' has no values: list one"),
        ("ablate: {head: []}", "ablate 'head' has no values: list one"),
        (f"cells: {{{'x' * 1000}: {{}}}}", r"has a name of 1000 characters \(at most 300\)"),
        ("cells: {a: {published: {1: 2}}}", "published: unknown setting '1'"),
        ("cells: {a: {teacher: [b]}}", r"teacher \['b'\] is not a cell"),
        (f"exclude: [{'{}, ' * 300}]\ncells: {{a: {{}}}}", "'exclude': .*at most 200 items"),
        ("cells: {a: {priority: 99999999999}}", "'priority' must be a whole number of at most"),
    ],
)  # fmt: skip
def test_excess_is_refused_before_anything_is_expanded(
    spec_file: Path, rest: str, message: str
) -> None:
    spec_file.write_text(BASE + ("" if "seeds:" in rest else "seeds: [0, 1]\n") + rest)

    with bounded(), pytest.raises(UserError, match=message) as error:
        load_spec(spec_file)

    assert_one_short_line(str(error.value))


@pytest.mark.slow
def test_most_trials_load_within_the_bounds(spec_file: Path) -> None:
    values = f"{{steps: {list(range(1, 101))}, batch_size: {list(range(1, 101))}}}"
    spec_file.write_text(f"{BASE}seeds: [0, 1]\ngrid: {values}")

    with bounded():
        assert len(load_spec(spec_file).trials) == 20_000

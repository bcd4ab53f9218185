"""The searches of a spec, and what cannot be searched."""

import re
from dataclasses import replace

import pytest

from orchestrator.spec.file import load_spec
from orchestrator.spec.tuning.tuning import Tuning
from tests.conftest import TINY_SPEC, SpecWriter
from vss.errors import UserError

TUNE = "tune:\n  samples: 3\n  search: {learning_rate: [0.01, 0.02]}\n"
ADAMW = TINY_SPEC.replace("  learning_rate: 1e-3\n", "")


def plan(write_spec: SpecWriter, rest: str, spec: str = TINY_SPEC) -> Tuning:
    tuning = load_spec(write_spec(spec + rest)).tuning
    assert tuning is not None
    return tuning


@pytest.mark.parametrize(
    ("rest", "message"),
    [
        ("tune: {samples: 3}", "'tune.search' is missing"),
        (f"{TUNE}  sampels: 3\n", "unknown setting 'tune.sampels': did you mean 'samples'?"),
        (f"{TUNE}  searcher: bayes\n", "'tune.searcher': must be 'random' or 'optuna' (got 'bay"),
        (f"{TUNE}  cells: [imag]\n", "tune.cells: 'imag' is not a cell of this spec (cells: im"),
        (f"{TUNE}  first_seed: 1\n", "the seeds 1 to 3, which the study must not have (got 1)"),
        (
            TUNE.replace("[0.01, 0.02]", "{log_uniform: [-1, 1]}"),
            "'tune.search': 'learning_rate': log_uniform needs numbers above 0 (got [-1, 1])",
        ),
        (
            TUNE.replace("learning_rate: [0.01, 0.02]", "dropout: {uniform: [0.5, 1]}"),
            "tune: cell 'image': 'dropout': must be below 1 (got 1)",
        ),
        (
            TUNE.replace("learning_rate: [0.01, 0.02]", "momentum: [0.5, 0.9]"),
            "tune: cell 'image': 'momentum' applies only to optimizer sgd (got 0.5)",
        ),
        (
            TUNE.replace("learning_rate: [0.01, 0.02]", "scale_min: [1, 2], scale_max: [1, 2]"),
            "tune: cell 'image': scale_min (2.0) is above scale_max (1.0)",
        ),
        (
            TUNE.replace("samples: 3", "samples: 1000") + "grid: {width: [8, 16, 24, 32, 40, 48, "
            "56, 64, 72, 80, 88, 96, 104, 112, 120, 128, 136, 144, 152, 160]}\n",
            "trials (at most 20000",
        ),
    ],
)
def test_search_that_cannot_be_run_is_explained(
    write_spec: SpecWriter, rest: str, message: str
) -> None:
    with pytest.raises(UserError, match=re.escape(message)):
        load_spec(write_spec(TINY_SPEC + rest))


def test_cell_that_is_scored_on_val_is_refused(write_spec: SpecWriter) -> None:
    spec = TINY_SPEC.replace("  eval_every: 2\n", "  scored_split: val\n")

    with pytest.raises(UserError, match="are those of val, on which the search chooses: set"):
        load_spec(write_spec(spec + TUNE))


def test_cells_that_differ_only_in_what_is_searched_are_refused(write_spec: SpecWriter) -> None:
    spec = TINY_SPEC.replace("cells:\n", "cells:\n  fast: {head: fcn, learning_rate: 0.5}\n")

    with pytest.raises(UserError, match="cells 'fast' and 'image' differ only in what is searched"):
        load_spec(write_spec(spec + TUNE))


def test_searched_setting_needs_no_value_of_its_own(write_spec: SpecWriter) -> None:
    assert list(plan(write_spec, TUNE, ADAMW).searches) == ["image", "memory"]


def test_common_settings_must_be_stated(write_spec: SpecWriter) -> None:
    with pytest.raises(UserError, match="tune.with_common: cell 'image' states no learning_rate"):
        load_spec(write_spec(f"{ADAMW}{TUNE}  with_common: true\n"))


def test_common_cells_follow_tuned_ones_and_learn_from_common_teachers(
    write_spec: SpecWriter,
) -> None:
    spec = TINY_SPEC.replace(
        "memory_length: 1}\n", "memory_length: 1, teacher: image, distillation_weight: 1}\n"
    )

    experiment = load_spec(write_spec(f"{spec}{TUNE}  with_common: true\n"))

    assert list(experiment.cells) == ["image", "image common", "memory", "memory common"]
    assert experiment.dependencies["memory common"][0].cell == "image common"
    assert experiment.tuning is not None
    assert list(experiment.tuning.searches) == ["image", "memory"]


def test_full_sample_has_the_steps_of_its_cell_unless_stated(write_spec: SpecWriter) -> None:
    assert plan(write_spec, TUNE).searches["image"].steps == 4
    assert plan(write_spec, f"{TUNE}  steps: 9\n").searches["image"].steps == 9


def test_sample_follows_the_schedule_of_a_full_one(write_spec: SpecWriter) -> None:
    tuning = plan(write_spec, f"{TUNE}  steps: 9\n  scheduler: asha\n")

    build = tuning.sample_builder("image", {})
    first, last = (build({"learning_rate": 0.02}, 1, step).config for step in (1, 9))

    assert (first.steps, first.stop_step, first.scored_split) == (9, 1, "val")
    assert (last.steps, last.stop_step, last.seed) == (9, 0, 1_000_001)
    assert first.learning_rate == last.learning_rate == 0.02


def test_optimizer_can_be_searched_with_its_own_options(write_spec: SpecWriter) -> None:
    tuning = plan(write_spec, TUNE.replace("0.02]", "0.02], optimizer: [adamw, sgd]"))

    build = tuning.sample_builder("image", {})

    assert build({"optimizer": "sgd"}, 0, 4).config.momentum is not None
    assert build({"optimizer": "adamw"}, 0, 4).config.momentum is None


def test_students_wait_for_the_search_of_their_teacher(write_spec: SpecWriter) -> None:
    spec = TINY_SPEC.replace(
        "memory_length: 1}\n", "memory_length: 1, teacher: image, distillation_weight: 1}\n"
    )
    tuning = plan(write_spec, TUNE, spec)

    assert tuning.order() == ["image", "memory"]
    assert not tuning.can_search("memory", {})
    assert tuning.can_search("memory", {"image": {"learning_rate": 0.01}})
    assert not tuning.can_search("memory", {"image": None})


def test_export_of_a_search_is_refused(write_spec: SpecWriter, tmp_path: object) -> None:
    from pathlib import Path

    from orchestrator.offline.export import export

    experiment = load_spec(write_spec(TINY_SPEC + TUNE))

    with pytest.raises(UserError, match="searches settings, and each of its trials follows from"):
        export(replace(experiment), Path(str(tmp_path)) / "out")

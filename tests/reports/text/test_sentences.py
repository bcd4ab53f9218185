"""The sentences of a report: what is missing, what differs, what intervals account for."""

import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reports.records import CellCost, ExperimentRecord, Latency, RunRecord
from reports.report import build_report
from reports.text.format import MISSING
from tests.reports.conftest import cost, finished_run, record

pytestmark = pytest.mark.usefixtures("without_figures")


@pytest.mark.slow
def test_report_says_what_the_share_of_being_best_depends_on(
    study: ExperimentRecord, tmp_path: Path
) -> None:
    final = build_report(study, tmp_path / "final").read_text()
    interim = build_report(replace(study, interim="so far"), tmp_path / "interim").read_text()
    one_seed = [run for run in study.runs if run.seed == 0]
    unknown = build_report(record(one_seed), tmp_path / "unknown").read_text()

    assert "shows how much the ranking depends on the choice of seeds; it is not a verdict" in final
    assert "shows how much the ranking so far depends on the choice of seeds; it is" in interim
    assert "**Best**" not in unknown


def test_missing_trials_are_named(study: ExperimentRecord, tmp_path: Path) -> None:
    unfinished = [
        RunRecord("new", 7, "a", "FAILED", {}, message="the loss is nan"),
        RunRecord("other", 0, "b", "PENDING", {}),
    ]

    text = build_report(record([*study.runs, *unfinished]), tmp_path).read_text()

    assert "**6 of 8 trials finished**" in text
    assert "- new, seed 7: FAILED, the loss is nan" in text
    assert "- other, seed 0: PENDING" in text
    assert re.search(rf"^\| other \| {MISSING} \| {MISSING} ", text, re.MULTILINE)


def test_experiment_without_results_still_has_a_report(tmp_path: Path) -> None:
    text = build_report(record([RunRecord("a", 0, "x", "PENDING", {})]), tmp_path).read_text()

    assert "**0 of 1 trials finished**" in text
    assert "svg" not in text


def per_frame_fields(frames: int, **changes: Any) -> dict[str, Any]:
    """Return the fields of a trial with per-frame counts of two classes, and a curve."""
    counts = np.tile(np.array([[8, 2], [1, 9]], dtype=np.int64), (frames, 1, 1))
    return {
        "frames": [f"s/{n}" for n in range(frames)],
        "classes": ["road", "sky"],
        "confusions": counts,
        "curves": {"train/loss": [(1, 0.5)]},
        **changes,
    }


def test_complete_study_does_not_say_what_is_missing(tmp_path: Path) -> None:
    runs = [
        finished_run(cell, seed, 0.4, **per_frame_fields(24)) for cell in "ab" for seed in range(3)
    ]

    assert "What is missing" not in build_report(record(runs), tmp_path).read_text()


def test_report_of_one_cell_explains_no_differences(tmp_path: Path) -> None:
    only_baseline = record([finished_run("base", seed, 0.4 + 0.01 * seed) for seed in range(3)])

    text = build_report(only_baseline, tmp_path).read_text()

    assert "Only **base** has a score" in text
    assert "relative to" not in text.replace("relative training time", "")


def test_missing_files_of_a_trial_are_named_with_their_consequence(tmp_path: Path) -> None:
    incomplete = per_frame_fields(4, confusions=None, curves={})
    runs = [
        finished_run("a", 0, 0.4, **per_frame_fields(4)),
        finished_run("b", 0, 0.5, **incomplete),
    ]

    text = build_report(record(runs), tmp_path).read_text()

    assert (
        "- no per-frame counts (frames.npz), so intervals do not account for the test set: "
        "b, seed 0\n"
        "- no curves (curves.csv): b, seed 0\n"
    ) in text


def test_damaged_file_of_a_finished_trial_is_named(tmp_path: Path) -> None:
    runs = [finished_run("a", 0, 0.4, message="curves.csv is damaged (KeyError: 'curve')")]

    text = build_report(record(runs), tmp_path).read_text()

    assert "- a, seed 0: curves.csv is damaged (KeyError: 'curve')\n" in text


def test_trials_scored_on_different_frames_are_reported(tmp_path: Path) -> None:
    runs = [
        finished_run("a", 0, 0.4, **per_frame_fields(4)),
        finished_run("b", 0, 0.5, **per_frame_fields(3)),
    ]

    text = build_report(record(runs), tmp_path).read_text()

    assert "- trials were scored on different frames or data, so intervals do not account" in text


def test_cell_without_latency_and_absent_class_are_named(tmp_path: Path) -> None:
    fields = per_frame_fields(2, iou={"road": 0.4})
    runs = [finished_run("a", 0, 0.4, **per_frame_fields(2)), finished_run("b|c", 0, 0.5, **fields)]

    text = build_report(record(runs, costs={"a": cost(4.0)}), tmp_path).read_text()

    assert "- no latency, so missing from the latency plot: b\\|c\n" in text
    assert "- class sky: neither labelled nor predicted in b\\|c\n" in text
    assert re.search(rf"^\| b\\\|c \| 40.0 \| {MISSING} \|$", text, re.MULTILINE)


def test_class_at_zero_in_all_cells_is_unlearnt(tmp_path: Path) -> None:
    classes = {"road": 0.9, "pole": 0.0, "sign": 0.0004}
    runs = [
        finished_run("a", 0, 0.4, iou=classes),
        finished_run("b", 0, 0.4, iou={**classes, "sign": 0.001}),
    ]

    text = build_report(record(runs), tmp_path).read_text()

    assert "Unlearnt, at 0.0 in all cells: pole.\n" in text


@pytest.mark.slow
def test_noise_floor_is_the_baseline_measured_twice(
    study: ExperimentRecord, tmp_path: Path
) -> None:
    rounds, repeated = [4.0, 4.0, 4.0], [4.2, 4.2, 4.2]
    latency = Latency(4.0, None, rounds, rounds, repeated_rounds_ms=repeated)

    text_without_repetition = build_report(study, tmp_path).read_text()
    costs = {"base": CellCost(latency)}
    text = build_report(replace(study, costs=costs), tmp_path).read_text()

    assert "Noise floor" not in text_without_repetition
    assert (
        "Noise floor: when measured a second time among the cells, the baseline took 1.050 times "
        "its own clip latency (1.050 to 1.050)." in text
    )


@pytest.mark.parametrize(("runs", "text_of_runs"), [(7, "7 predictions"), (1, "1 prediction")])
def test_conditions_give_the_processes_of_a_latency_measurement(
    study: ExperimentRecord, tmp_path: Path, runs: int, text_of_runs: str
) -> None:
    conditions = {**study.latency_conditions, "processes": 3, "rounds": 30, "runs_per_round": runs}

    study = replace(study, latency_conditions=conditions)
    text = build_report(study, tmp_path).read_text()

    assert (
        f"30 rounds of {text_of_runs} per cell, in a new random order every round, "
        "spread over 3 processes" in text
    )


def test_score_that_is_not_a_number_is_named(tmp_path: Path) -> None:
    runs = [
        finished_run("a", 0, 0.4, **per_frame_fields(2)),
        finished_run("b", 0, math.nan, **per_frame_fields(2)),
    ]

    text = build_report(record(runs), tmp_path).read_text()

    assert "- score is not a number: b, seed 0" in text


def test_source_of_variation_that_only_some_cells_have_is_qualified(tmp_path: Path) -> None:
    runs = [finished_run(cell, seed, 0.4 + seed / 100) for cell in "ab" for seed in range(3)]

    text = build_report(record([*runs, finished_run("c", 0, 0.5)]), tmp_path).read_text()

    assert "Intervals account for the choice of seeds, where it can be estimated." in text


def test_few_sequences_are_not_presented_as_a_choice_of_test_set(tmp_path: Path) -> None:
    frames = [f"{sequence}/{n}" for sequence in "ab" for n in range(20)]
    fields = per_frame_fields(40) | {"frames": frames}
    runs = [
        finished_run(cell, seed, 0.4 + seed / 100, **fields) for cell in "abc" for seed in range(3)
    ]

    text = build_report(record(runs), tmp_path).read_text()

    assert "Intervals account for the choice of seeds and the choice of other stretches" in text
    assert "of the same 2 sequences (20 stretches, resampled" in text
    assert "They hold for both comparisons at once; verdicts are read off them and require" in text
    assert "Holm" not in text


def test_heading_says_that_intervals_of_one_seed_cover_the_test_set_only(tmp_path: Path) -> None:
    frames = [f"{sequence}/{n}" for sequence in "abcdef" for n in range(2)]
    runs = [
        finished_run(cell, 0, 0.4, **(per_frame_fields(12) | {"frames": frames})) for cell in "abc"
    ]

    text = build_report(record(runs), tmp_path).read_text()

    assert "| difference, points (95 % interval, test set only) |" in text
    assert "Intervals account for the choice of test set (6 sequences" in text
    assert "Where there is no verdict, the interval holds for that cell alone." in text


def test_values_whose_effect_no_pair_shows_are_named(tmp_path: Path) -> None:
    cells = {"plain": ("fcn", 0), "one": ("tma", 1), "four": ("tma", 4)}
    runs = [
        finished_run(cell, seed, 0.4, settings={"head": head, "memory_length": memory})
        for cell, (head, memory) in cells.items()
        for seed in range(3)
    ]

    text = build_report(record(runs), tmp_path).read_text()

    assert "| memory_length: 4 instead of 1 | 1 |" in text
    assert "differ in these values alone: head fcn and tma; memory_length 0." in text


def test_effects_that_depend_on_another_setting_are_given_for_each_of_its_values(
    tmp_path: Path,
) -> None:
    gains = {("a", 1): 0.0, ("a", 4): 0.08, ("b", 1): 0.0, ("b", 4): -0.09}
    runs = [
        finished_run(
            f"{head} {memory}",
            seed,
            0.4 + gain + seed / 100,
            settings={"head": head, "memory_length": memory},
        )
        for (head, memory), gain in gains.items()
        for seed in range(3)
    ]

    text = build_report(record(runs), tmp_path).read_text()

    assert "The effects of head and memory_length depend on another setting and are given" in text
    assert "| memory_length: 4 instead of 1, with head a | 1 | +8.00 |" in text
    assert "| memory_length: 4 instead of 1, with head b | 1 | -9.00 |" in text


@pytest.mark.slow
def test_verdicts_with_a_margin_are_in_the_table(tmp_path: Path) -> None:
    runs = [finished_run(cell, seed, 0.4 + seed / 100) for cell in "ab" for seed in range(3)]

    text = build_report(record(runs, margin_points=0.5), tmp_path).read_text()

    assert "| equivalent within 0.5 |" in text
    assert "equivalent" not in build_report(record(runs), tmp_path).read_text()


def test_training_time_says_that_it_leaves_out_pretraining(tmp_path: Path) -> None:
    weights = {"a": "none", "b": "backbone of a"}
    runs = [finished_run(cell, 0, 0.4, settings={"weights": weights[cell]}) for cell in "ab"]

    text = build_report(record(runs), tmp_path).read_text()
    alone = build_report(record(runs[:1]), tmp_path).read_text()

    assert "It leaves out the training of the cell that initial weights come from." in text
    assert "leaves out" not in alone


def test_setting_that_is_off_in_some_rows_is_marked(tmp_path: Path) -> None:
    runs = [
        finished_run(cell, 0, 0.4, settings={"window": size, "crop_width": 0, "flip": False})
        for cell, size in (("a", 0), ("b", 512))
    ]

    text = build_report(record(runs), tmp_path).read_text()

    assert "- sliding windows, pixels: none, window 512 — **rows differ**\n" in text
    assert "- augmentation: flip false\n" in text


def test_conditions_list_recipe_seeds_and_versions(tmp_path: Path) -> None:
    settings = {"optimizer": "sgd", "learning_rate": 0.01, "flip": True, "scale_max": 2.0}
    runs = [finished_run("a", seed, 0.4, settings=settings) for seed in (0, 2)]
    runs += [finished_run("b", 0, 0.4, settings=settings)]

    text = build_report(record(runs), tmp_path).read_text()

    assert "- optimizer: sgd, learning_rate 0.01\n" in text
    assert "- augmentation: flip true, scale_max 2.0\n" in text
    assert "- seeds: 0; 0, 2 — **rows differ**\n" in text
    assert "- PyTorch: 2.0\n" in text


def test_different_conditions_are_marked(tmp_path: Path) -> None:
    environment = {"device": "another", "threads": "1", "torch": "2.0"}
    runs = [finished_run("a", 0, 0.4), finished_run("b", 0, 0.5, environment=environment)]

    text = build_report(record(runs), tmp_path).read_text()

    assert "device: a processor, another — **rows differ**" in text
    assert text.count("rows differ") == 2  # device and commit


@pytest.mark.slow
def test_selection_on_validation_is_marked(study: ExperimentRecord, tmp_path: Path) -> None:
    selected = finished_run("c", 0, 0.4, settings={"select": "best_val"})

    text = build_report(record([*study.runs, selected]), tmp_path).read_text()

    assert "**Selected on validation** (scored at the step with the best val mIoU): c." in text


def test_restarted_trials_are_named(tmp_path: Path) -> None:
    text = build_report(record([finished_run("a", 3, 0.4, attempts=2)]), tmp_path).read_text()

    assert "started more than once: a, seed 3" in text


def test_spec_can_be_copied(study: ExperimentRecord, tmp_path: Path) -> None:
    source = "name: a\n# ```\nseeds: [0]\n"

    text = build_report(replace(study, source=source), tmp_path).read_text()

    assert f"````yaml\n{source}````" in text

"""Whole reports, in all their formats."""

import math
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from reports.records import CellCost, ExperimentRecord, Latency, RunRecord
from reports.report import build_report, rebuild
from reports.text.format import MISSING
from tests.reports.conftest import cost, finished_run, record, with_samples


class Page(HTMLParser):
    """The tags, table cells and addresses of a page; its tags must match."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.cells: list[str] = []
        self.addresses: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag != "meta":
            self.open.append(tag)
        if tag in ("td", "th"):
            self.cells.append("")
        self._read_addresses(attrs)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._read_addresses(attrs)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("td", "th", "strong") and self.cells:
            self.cells[-1] += data

    def _read_addresses(self, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]
        self.addresses += [
            address
            for name, value in attrs
            if name == "style"
            for address in re.findall(r"url\((.*?)\)", value or "")
        ]


def test_report_consists_of_the_documented_files(study: ExperimentRecord, tmp_path: Path) -> None:
    path = build_report(study, tmp_path / "out")

    assert path == tmp_path / "out" / "report.md"
    assert {p.name for p in path.parent.iterdir()} == {
        "report.md", "report.html", "results.csv", "table.tex", "results.json", "confusions.npz",
        "curves.csv", "accuracy_latency.svg", "accuracy_latency-narrow.svg", "differences.svg",
        "differences-narrow.svg", "classes.svg", "classes-narrow.svg",
    }  # fmt: skip
    assert len(pd.read_csv(path.parent / "results.csv")) == 6


def _mark_drawn_numbers(text: str) -> str:
    """Replace the numbers that depend on draws, if they are right.

    These are the paired t interval +6.52 to +11.48, and shares of 0.2 and 99.8 % of being best.
    """

    def replace_interval(match: re.Match[str]) -> str:
        is_paired_t = [float(end) for end in match.groups()] == pytest.approx(
            [6.52, 11.48], abs=0.3
        )
        return "PAIRED T" if is_paired_t else match[0]

    text = re.sub(r"(\+[\d.]+) to (\+[\d.]+)", replace_interval, text)
    return re.sub(r"(\(baseline\)|new) \| (0\.[1-4]|99\.[6-9]) \|", r"\1 | SHARE |", text)


def test_main_table_has_one_row_per_cell_with_all_its_numbers(
    study: ExperimentRecord, tmp_path: Path
) -> None:
    text = _mark_drawn_numbers(build_report(study, tmp_path).read_text())

    assert (
        "| **base** (baseline) | 42.00 ± 2.00 (3) | +0.00 | baseline | 4.00 | 1 min 0 s |" in text
    )
    assert "| new | 51.00 ± 1.00 (3) | +9.00 (PAIRED T) | better | 6.00 | 1 min 30 s |" in text
    assert (
        "| **base** (baseline) | SHARE | 5.00 | 1.00 (1.00 to 1.00) | 2.00 | 2.50 "
        "| 1.00 (1.00 to 1.00) | +0.0 % | 1.00 | 12.5 | 64 | 100 | +0.00 % |"
    ) in text
    assert (
        "| new | SHARE | 7.00 | 1.50 (1.50 to 1.50) | 3.00 | 3.50 "
        "| 1.50 (1.50 to 1.50) | +50.0 % | 2.00 | 12.5 | 64 | 100 | +21.43 % |"
    ) in text
    assert "2 cells; 6 of 6 trials finished." in text
    assert "scored on: test (4 frames)" in text
    assert "rows differ" not in text


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


def test_cell_without_pictures_is_named(study: ExperimentRecord, tmp_path: Path) -> None:
    pictured = with_samples(study)
    runs = [*pictured.runs, finished_run("blind", 0, 0.4)]

    text = build_report(record(runs, colours=pictured.colours), tmp_path).read_text()

    assert "No frames for blind: no seed in common with the baseline, or no predictions" in text


def test_pictures_name_their_split_classes_and_cells(
    study: ExperimentRecord, tmp_path: Path
) -> None:
    text = build_report(with_samples(study), tmp_path).read_text()

    section = text[text.index("## Pictures") :]
    assert section.count("test split") == 1
    assert "![](pictures/class-1.png)\N{NO-BREAK SPACE}road ![](pictures/class-2.png)" in text
    assert "clip.webp" not in section  # one frame is no clip


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


def test_conditions_give_the_processes_of_a_latency_measurement(
    study: ExperimentRecord, tmp_path: Path
) -> None:
    conditions = {**study.latency_conditions, "processes": 3, "rounds": 30, "runs_per_round": 7}

    study = replace(study, latency_conditions=conditions)
    text = build_report(study, tmp_path).read_text()

    assert (
        "30 rounds of 7 predictions per cell, in a new random order every round, "
        "spread over 3 processes" in text
    )


def test_score_that_is_not_a_number_is_named(tmp_path: Path) -> None:
    runs = [
        finished_run("a", 0, 0.4, **per_frame_fields(2)),
        finished_run("b", 0, math.nan, **per_frame_fields(2)),
    ]

    text = build_report(record(runs), tmp_path).read_text()

    assert "- score is not a number: b, seed 0" in text


def test_table_is_sorted_best_first_with_missing_values_last(tmp_path: Path) -> None:
    failed = RunRecord("lost", 0, "x", "FAILED", {})
    runs = [finished_run("a", 0, 0.4), failed, finished_run("b", 0, 0.5), finished_run("c", 0, 0.3)]

    build_report(record(runs), tmp_path / "a", sort="miou")
    text = rebuild(tmp_path / "a", tmp_path / "b", sort="training-time").read_text()

    first = (tmp_path / "a" / "report.md").read_text().split("## Accuracy")[1].split("\n\n")[1]
    second = text.split("## Accuracy")[1].split("\n\n")[1]
    assert re.findall(r"^\| \**(\w+)", first, re.MULTILINE) == ["cell", "b", "a", "c", "lost"]
    assert re.findall(r"^\| \**(\w+)", second, re.MULTILINE) == ["cell", "a", "b", "c", "lost"]


def test_unknown_order_is_refused(study: ExperimentRecord, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"cannot sort by 'beauty' \(choose from cell, miou, "):
        build_report(study, tmp_path, sort="beauty")


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


def test_verdicts_with_a_margin_are_in_the_table(tmp_path: Path) -> None:
    runs = [finished_run(cell, seed, 0.4 + seed / 100) for cell in "ab" for seed in range(3)]

    text = build_report(record(runs, margin_points=0.5), tmp_path).read_text()

    assert "| equivalent within 0.5 |" in text
    assert "equivalent" not in build_report(record(runs), tmp_path).read_text()


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


def test_selection_on_validation_is_marked(study: ExperimentRecord, tmp_path: Path) -> None:
    selected = finished_run("c", 0, 0.4, settings={"select": "best_val"})

    text = build_report(record([*study.runs, selected]), tmp_path).read_text()

    assert "**Selected on validation** (scored at the step with the best val mIoU): c." in text


def test_restarted_trials_are_named(tmp_path: Path) -> None:
    text = build_report(record([finished_run("a", 3, 0.4, attempts=2)]), tmp_path).read_text()

    assert "started more than once: a, seed 3" in text


def test_html_is_a_single_file(study: ExperimentRecord, tmp_path: Path) -> None:
    build_report(with_samples(study), tmp_path)

    page = Page((tmp_path / "report.html").read_text())
    outside = [address for address in page.addresses if not address.startswith("#")]
    assert len(outside) == 7  # five panels, and the colours of two classes
    assert all(address.startswith("data:image/png;base64,") for address in outside)
    assert page.tags.count("svg") == 6  # three figures in two forms
    assert (tmp_path / "pictures" / "1-best-1.png").exists()


@pytest.mark.parametrize("name", ["a|b", "<script>x</script>", "$5 & *more*", "a_b_ [c](d)"])
def test_awkward_names_are_printed_unchanged(name: str, tmp_path: Path) -> None:
    runs = [finished_run(name, 0, 0.4), finished_run("plain", 0, 0.5)]

    build_report(record(runs, name="study", description=name), tmp_path)

    page = Page((tmp_path / "report.html").read_text())
    assert f"{name} (baseline)" in page.cells
    assert page.tags.count("script") == 1


def test_spec_can_be_copied(study: ExperimentRecord, tmp_path: Path) -> None:
    source = "name: a\n# ```\nseeds: [0]\n"

    text = build_report(replace(study, source=source), tmp_path).read_text()

    assert f"````yaml\n{source}````" in text


def test_second_report_replaces_the_first(study: ExperimentRecord, tmp_path: Path) -> None:
    build_report(study, tmp_path)
    first = (tmp_path / "report.md").read_bytes()

    build_report(study, tmp_path)

    assert (tmp_path / "report.md").read_bytes() == first


@pytest.mark.slow
def test_pictures_of_an_earlier_report_are_removed(study: ExperimentRecord, tmp_path: Path) -> None:
    build_report(with_samples(study), tmp_path)
    assert (tmp_path / "pictures").exists()

    build_report(study, tmp_path)

    assert not (tmp_path / "pictures").exists()


REBUILT_FILES = (
    "report.md",
    "results.csv",
    "results.json",
    "table.tex",
    "confusions.npz",
    "curves.csv",
)


def contents(folder: Path) -> dict[str, bytes]:
    """Return the files that come out byte for byte the same when a report is rebuilt."""
    return {name: (folder / name).read_bytes() for name in REBUILT_FILES}


@pytest.fixture
def awkward_study(study: ExperimentRecord) -> ExperimentRecord:
    """Return a study with pictures, gaps, awkward names and numbers that JSON cannot express."""
    confusions = np.arange(2 * 4, dtype=np.int64).reshape(2, 2, 2)
    counts = {"frames": ["s/1", "s/2"], "classes": ["road", "sky"], "confusions": confusions}
    pictured = with_samples(study)
    runs = [
        *pictured.runs,
        finished_run(
            "a|b <c> $d$ größe ∞", 0, 0.41, **counts, curves={"val/miou": [(1, 0.1 + 0.2)]}
        ),
        finished_run("tuple", 0, np.float64(0.42), settings={"bins": (1, 3), "steps": np.int64(7)}),
        finished_run("nan", 0, math.nan, train_seconds=None, iou={"road": math.nan}),
        RunRecord("lost", 0, "x", "FAILED", {}, message="no file a\udc80b"),
    ]  # fmt: skip
    return record(
        runs, source="name: a\n", description="Does $x < y$ | z?", colours=pictured.colours
    )


@pytest.mark.slow
def test_rebuilt_report_is_the_same(awkward_study: ExperimentRecord, tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    build_report(awkward_study, first)

    path = rebuild(first, second)

    assert path == second / "report.md"
    assert contents(second) == contents(first)
    assert (second / "report.html").exists()
    assert {p.name for p in (second / "pictures").iterdir()} == {
        *(f"1-best-{panel}.png" for panel in range(1, 6)),
        "class-1.png", "class-2.png", "section.md",
    }  # fmt: skip


@pytest.mark.slow
def test_report_rebuilt_in_its_own_folder_is_the_same(
    awkward_study: ExperimentRecord, tmp_path: Path
) -> None:
    build_report(awkward_study, tmp_path)
    built = contents(tmp_path)

    rebuild(tmp_path, tmp_path)

    assert contents(tmp_path) == built
    assert (tmp_path / "pictures" / "1-best-1.png").exists()


@pytest.mark.slow
def test_report_rebuilt_without_pictures_has_none(
    awkward_study: ExperimentRecord, tmp_path: Path
) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    build_report(awkward_study, first)
    assert "## Pictures" in (first / "report.md").read_text()

    text = rebuild(first, second, pictures=False).read_text()

    assert "## Pictures" not in text
    assert not (second / "pictures").exists()


def test_report_built_without_pictures_has_none(
    awkward_study: ExperimentRecord, tmp_path: Path
) -> None:
    text = build_report(awkward_study, tmp_path, pictures=False).read_text()

    assert "## Pictures" not in text
    assert not (tmp_path / "pictures").exists()


def test_table_for_a_paper_has_one_row_per_cell(study: ExperimentRecord, tmp_path: Path) -> None:
    build_report(study, tmp_path)

    table = _mark_drawn_numbers((tmp_path / "table.tex").read_text())
    assert (
        "base & 42.00 $\\pm$ 2.00 (3) & +0.00 & \N{EN DASH} & baseline & 1 min 0 s & 4.00" in table
    )
    assert "new & 51.00 $\\pm$ 1.00 (3) & +9.00 & PAIRED T & better & 1 min 30 s" in table
    assert "\\label{tab:study}" in table

"""The records of a report, saved to files and read back."""

import csv
import json
import math
import zipfile
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from reports.formats.files import ReportError
from reports.formats.results_json import load, normalise, save
from reports.records import ExperimentRecord, RunRecord, Sample, SampleRecord, SearchRecord
from tests.reports.conftest import finished_run, record

ROOT = Path(__file__).parents[3]
FILES = ("results.json", "confusions.npz", "curves.csv")
ELSEWHERE = ("frames", "classes", "confusions", "curves", "samples")


def awkward_record() -> ExperimentRecord:
    """Make an experiment with names, numbers and gaps that a careless serialiser would lose."""
    confusions = np.arange(2 * 3 * 3, dtype=np.int64).reshape(2, 3, 3)
    counts = {
        "frames": ["s/1", "s/2"],
        "classes": ["a|b", "<c>", "größe"],
        "confusions": confusions,
    }
    values = {"miou": math.nan, "best": math.inf, "worst": -math.inf, "tenth": 0.1, "zero": -0.0}
    runs = [
        finished_run("$5 | <b> & 记忆", 0, 0.4, **counts, metrics=values, iou={"größe": 5e-324}),
        finished_run(
            "plain", 0, 0.5, **counts, iou={}, curves={"train/loss": [(1, 0.1), (2, math.nan)]}
        ),
        finished_run(
            "plain",
            1,
            0.5,
            **(counts | {"frames": ["s/1", "s/3"], "iou": {}}),
            curves={"val/miou": []},
        ),
        finished_run("plain", 2, 0.5, confusions=None, frames=["s/1"], train_seconds=None),
        RunRecord(
            "lost", 0, "x,y\n", "FAILED", {"pooling": (1, 3), "teacher": None}, message="no\n"
        ),
        RunRecord("lost", 1, 'a "q"', "PENDING", {"nan": math.nan, "text": "NaN", "word": "null"}),
    ]
    samples = [SampleRecord(0, {"steps": 1}, 10, 0.5, None, 1.5, True)]
    return record(
        runs,
        source="name: a\r\n# é\n",
        colours={"a|b": (1, 2, 255)},
        published={"plain": {"miou": 0.7541}},
        latency_conditions={"batch_size": 1, "device": "NaN", "shared": False, "extra": [1, None]},
        uncompared={"pretraining": "50 % | <b>"},
        has_changed_plan=True,
        searches=[
            SearchRecord(
                "plain", {"steps": "1 | 2"}, "random", 2, 10, 5, samples, {"steps": "upper"}
            )
        ],
        own_baseline="lost",
    )


def same(one: Any, other: Any) -> bool:
    """Return whether two values are equal, types included; NaN equals itself, -0.0 is not 0.0."""
    if isinstance(one, ExperimentRecord | RunRecord):
        names = [field.name for field in fields(one)]
        return all(same(getattr(one, name), getattr(other, name)) for name in names)
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other)
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and repr(one) == repr(other)


def test_awkward_record_survives_saving_and_loading(tmp_path: Path) -> None:
    save(awkward_record(), tmp_path)

    assert same(load(tmp_path), normalise(awkward_record()))


def test_normalised_record_has_pythons_own_types() -> None:
    run = finished_run("a", np.int64(3), 0.4, iou={"sky": np.float32(0.5)}, classes=["sky"])
    run = replace(run, settings={"bins": (1, 3)}, confusions=None, curves={"x": [(np.int64(1), 2)]})

    (normalised,) = normalise(record([run])).runs

    assert type(normalised.seed) is int
    assert same(normalised.iou, {"sky": 0.5})
    assert same(normalised.settings, {"bins": [1, 3]})
    assert same(normalised.curves, {"x": ((1, 2.0),)})
    assert normalised.classes == ("sky",)


def test_normalised_record_keeps_samples() -> None:
    sample = Sample(*(np.zeros(shape, dtype=np.uint8) for shape in ((2, 2, 3), (2, 2), (2, 2))))
    run = finished_run("a", 0, 0.4, samples={"s/1": sample})

    (normalised,) = normalise(record([run])).runs

    assert normalised.samples["s/1"] is sample


def test_saving_again_writes_the_same_bytes(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    first.mkdir()
    second.mkdir()

    save(awkward_record(), first)
    save(load(first), second)

    for name in FILES:
        assert (first / name).read_bytes() == (second / name).read_bytes(), name


def test_results_are_strict_json(tmp_path: Path) -> None:
    def refuse(word: str) -> None:
        raise AssertionError(word)

    save(awkward_record(), tmp_path)

    text = (tmp_path / "results.json").read_text(encoding="utf-8")
    content = json.loads(text, parse_constant=refuse)
    assert content["trials"][0]["metrics"]["miou"] == {"number": "NaN"}
    assert content["trials"][0]["metrics"]["tenth"] == 0.1
    assert content["trials"][3]["train_seconds"] is None
    assert content["trials"][0]["cell"] == "$5 | <b> & 记忆"
    assert "记忆" in text


def test_every_field_is_saved(tmp_path: Path) -> None:
    save(awkward_record(), tmp_path)

    content = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert set(content["experiment"]) == {f.name for f in fields(ExperimentRecord)} - {"runs"}
    assert set(content["trials"][0]) == {f.name for f in fields(RunRecord)} - set(ELSEWHERE)


def test_fields_that_earlier_versions_lacked_are_left_out_where_they_say_nothing(
    tmp_path: Path,
) -> None:
    plain = replace(
        awkward_record(), uncompared={}, has_changed_plan=False, searches=(), own_baseline=""
    )

    save(plain, tmp_path)

    content = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert not {"uncompared", "has_changed_plan", "searches"} & content["experiment"].keys()
    assert same(load(tmp_path), normalise(plain))


def test_every_field_is_documented() -> None:
    text = (ROOT / "docs" / "reports.md").read_text(encoding="utf-8")

    names = [field.name for kind in (ExperimentRecord, RunRecord) for field in fields(kind)]
    assert [name for name in names if f"`{name}`" not in text] == []


def test_equal_lists_of_frames_are_stored_once(tmp_path: Path) -> None:
    save(awkward_record(), tmp_path)

    with np.load(tmp_path / "confusions.npz") as file:
        assert [name for name in file if name.startswith("frames_")] == [
            "frames_0", "frames_1", "frames_2", "frames_3", "frames_of",
        ]  # fmt: skip
        assert file["frames_of"].tolist() == [0, 0, 1, 2, 3, 3]
        assert file["confusions/plain-0"].dtype == np.uint16


def test_counts_beyond_four_bytes_are_kept(tmp_path: Path) -> None:
    many = np.full((1, 1, 1), 2**40, dtype=np.int64)
    run = finished_run("a", 0, 0.4, frames=["s/1"], classes=["x"], confusions=many, iou={})

    save(record([run]), tmp_path)

    (loaded,) = load(tmp_path).runs
    assert loaded.confusions is not None
    assert loaded.confusions.item() == 2**40


@pytest.mark.parametrize(
    ("counts", "problem"),
    [
        (np.full((1, 1, 1), -1), "counts from -1 to -1"),
        (np.full((1, 1, 1), 2**62), f"counts from {2**62} to"),
        (np.full((1, 1, 1), np.nan), "numbers of type float64 instead of counts"),
        (np.full((1, 1, 1), 1.0), "numbers of type float64 instead of counts"),
    ],
)
def test_numbers_that_are_no_counts_are_refused(
    counts: NDArray[Any], problem: str, tmp_path: Path
) -> None:
    run = finished_run(
        "a", 0, 0.4, frames=["s/1"], classes=["x"], confusions=np.ones((1, 1, 1), int), iou={}
    )
    save(record([run]), tmp_path)
    with np.load(tmp_path / "confusions.npz") as file:
        arrays = {**file, "confusions/a-0": counts}
    np.savez(tmp_path / "confusions.npz", **arrays)

    with pytest.raises(ReportError, match=f"confusions.npz is damaged: .*{problem}"):
        load(tmp_path)


def test_curves_are_saved_as_a_table(tmp_path: Path) -> None:
    save(awkward_record(), tmp_path)

    with (tmp_path / "curves.csv").open(newline="") as file:
        assert list(csv.reader(file)) == [
            ["trial_id", "curve", "step", "value"],
            ["plain-0", "train/loss", "1", "0.1"],
            ["plain-0", "train/loss", "2", "nan"],
            ["plain-1", "val/miou", "", ""],
        ]


def test_text_that_is_not_utf8_is_saved(tmp_path: Path) -> None:
    run = finished_run("a", 0, 0.4, message="no file \udc80")

    save(record([run]), tmp_path)

    assert load(tmp_path).runs[0].message == "no file \\udc80"


def test_trials_that_share_an_id_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="2 trials of study share the id 'a-0'"):
        save(record([finished_run("a", 0, 0.4), finished_run("a", 0, 0.5)]), tmp_path)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"path": Path("x")}, "cannot save settings.path: .*Path.* is not a number"),
        ({"deep": {1: "x"}}, "cannot save settings.deep: its key 1 is not a string"),
    ],
)
def test_field_that_cannot_be_saved_is_named(
    settings: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ReportError, match=message):
        save(record([finished_run("a", 0, 0.4, settings=settings)]), tmp_path)


@pytest.mark.parametrize("name", FILES)
def test_missing_file_is_named(name: str, tmp_path: Path) -> None:
    save(awkward_record(), tmp_path)
    (tmp_path / name).unlink()

    with pytest.raises(ReportError, match=f"no {name} in {tmp_path}"):
        load(tmp_path)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"half", b"{}", b"\x93NUMPY\x01\x00"])
def test_damaged_file_is_named(name: str, content: bytes, tmp_path: Path) -> None:
    save(awkward_record(), tmp_path)
    (tmp_path / name).write_bytes(content)

    with pytest.raises(ReportError, match=str(tmp_path / name)):
        load(tmp_path)


@pytest.mark.parametrize("name", FILES)
def test_truncated_file_is_named(name: str, tmp_path: Path) -> None:
    save(awkward_record(), tmp_path)
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[: len(content) - 5])

    with pytest.raises(ReportError, match=str(tmp_path / name)):
        load(tmp_path)


def _remove_field(content: Any) -> None:
    del content["trials"][1]["cell"]


def _add_field(content: Any) -> None:
    content["experiment"]["note"] = ""


def _write_seed_as_text(content: Any) -> None:
    content["trials"][0]["seed"] = "0"


def _make_number_a_word(content: Any) -> None:
    content["trials"][0]["metrics"]["miou"] = {"number": "many"}


def _raise_format(content: Any) -> None:
    content["format"] = 2


def _rename_trial(content: Any) -> None:
    content["trials"][0]["trial_id"] = "other"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_remove_field, "results.json is damaged: trial 2: cell: Field required"),
        (_add_field, "results.json is damaged: experiment: note: Extra inputs"),
        (
            _write_seed_as_text,
            "results.json is damaged: trial 1: seed: Input should be a valid integer",
        ),
        (_make_number_a_word, "results.json is damaged: trial 1: .*'many'"),
        (_raise_format, "cannot read .*results.json: its format is 2, expected 1"),
        (_rename_trial, "confusions.npz lists different trials from results.json"),
    ],
)
def test_changed_results_are_refused(
    change: Callable[[Any], None], message: str, tmp_path: Path
) -> None:
    save(awkward_record(), tmp_path)
    path = tmp_path / "results.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))

    with pytest.raises(ReportError, match=message):
        load(tmp_path)


def test_curves_with_a_missing_line_are_refused(tmp_path: Path) -> None:
    save(awkward_record(), tmp_path)
    path = tmp_path / "curves.csv"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))

    with pytest.raises(ReportError, match="curves.csv is damaged: it has 2 rows instead of 3"):
        load(tmp_path)


def test_curve_of_an_unknown_trial_is_refused(tmp_path: Path) -> None:
    save(awkward_record(), tmp_path)
    with (tmp_path / "curves.csv").open("a") as file:
        file.write("else,train/loss,1,0.5\n")

    with pytest.raises(ReportError, match="curves.csv lists trial 'else', which results"):
        load(tmp_path)


def test_confusions_of_the_wrong_shape_are_refused(tmp_path: Path) -> None:
    run = finished_run(
        "a", 0, 0.4, frames=["s/1"], classes=["x"], confusions=np.zeros((2, 1, 1), int)
    )
    save(record([run]), tmp_path)

    with pytest.raises(ReportError, match="confusions/a-0 has the shape"):
        load(tmp_path)


@pytest.mark.slow
def test_small_file_that_unpacks_to_a_lot_is_refused(tmp_path: Path) -> None:
    save(record([finished_run("a", 0, 0.4)]), tmp_path)
    with zipfile.ZipFile(tmp_path / "confusions.npz", "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("frames_1.npy", bytes(2**26 + 1))

    with pytest.raises(ReportError, match="unpacks to more than any report has"):
        load(tmp_path)

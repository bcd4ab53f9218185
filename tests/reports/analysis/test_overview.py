import math

import pandas as pd
import pytest
from markdown_it import MarkdownIt

from reports.analysis import overview as tables
from reports.analysis.overview import duration, escape, overview, per_class, render, results, spread
from reports.analysis.study import Study
from reports.records import ExperimentRecord, RunRecord
from tests.reports.conftest import finished, record


def test_a_row_of_a_cell(study: ExperimentRecord) -> None:
    base, new = overview(Study(study)).to_dict("records")

    assert (base["cell"], base["n"], base["delta"], base["verdict"]) == ("base", 3, 0, "baseline")
    assert (base["clip_ratio"], base["streaming_median"]) == (1, 2.0)
    assert new["mean"] == pytest.approx(0.51)
    assert new["std"] == pytest.approx(0.01)
    assert new["delta"] == pytest.approx(0.09)
    assert new["delta_relative"] == pytest.approx(0.09 / 0.42)
    assert new["train_relative"] == pytest.approx(0.5)
    assert new["verdict"] == "better"
    assert new["low"] < 0.09 < new["high"]
    assert (new["low_all"], new["high_all"]) == (new["low"], new["high"])  # one comparison
    assert (new["clip_median"], new["clip_p95"], new["clip_ratio"]) == (6.0, 7.0, 1.5)
    assert (new["gflops"], new["memory_mib"]) == (12.5, 64.0)
    assert new["parameters"] == 2_000_000


def test_cell_without_a_result_is_a_row_of_nothing() -> None:
    lost = RunRecord("new", 0, "x", "FAILED", {}, message="bad luck")

    row = overview(Study(record([finished("base", 0, 0.4), lost]))).to_dict("records")[1]

    assert (row["cell"], row["n"]) == ("new", 0)
    assert all(math.isnan(row[name]) for name in ("mean", "delta", "train_seconds", "parameters"))


def test_baseline_without_a_result_leaves_the_means() -> None:
    lost = RunRecord("base", 0, "x", "FAILED", {})

    row = overview(Study(record([lost, finished("new", 0, 0.4)]))).to_dict("records")[1]

    assert row["mean"] == 0.4
    assert math.isnan(row["delta"])


def test_failed_seed_is_left_out_of_the_mean() -> None:
    runs = [
        finished("base", 0, 0.4),
        RunRecord("base", 1, "x", "FAILED", {}),
        finished("base", 2, 0.6),
    ]

    row = overview(Study(record(runs))).to_dict("records")[0]

    assert (row["mean"], row["n"]) == (pytest.approx(0.5), 2)


def test_class_means_leave_out_seeds_where_the_class_does_not_occur() -> None:
    runs = [
        finished("base", 0, 0.4, iou={"road": 0.8}),
        finished("base", 1, 0.4, iou={"road": 0.6, "sky": 0.2}),
    ]

    found = per_class(record(runs))

    assert list(found.columns) == ["road", "sky"]
    assert found.loc["base", "road"] == pytest.approx(0.7)
    assert found.loc["base", "sky"] == pytest.approx(0.2)


def test_results_hold_every_trial_and_setting(study: ExperimentRecord) -> None:
    failed = RunRecord("new", 3, "lost", "FAILED", {"steps": 10}, message="bad luck")

    found = results(record([*study.runs, failed]))

    assert len(found) == 7
    assert not found.columns.duplicated().any()
    assert found.iloc[0]["miou"] == 0.40
    assert found.iloc[0]["iou/road"] == 0.40
    assert found.iloc[-1]["message"] == "bad luck"
    assert found.iloc[-1]["steps"] == 10


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.0, "0-00:00:00"),
        (59.6, "0-00:01:00"),
        (3_661.0, "0-01:01:01"),
        (86_399.6, "1-00:00:00"),
        (2 * 86_400 + 5 * 3600 + 7 * 60 + 9, "2-05:07:09"),
        (120 * 86_400.0, "120-00:00:00"),
        (math.nan, "-"),
    ],
)
def test_duration_is_written_as_in_the_paper(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown


def test_spread_says_how_many_seeds() -> None:
    assert spread(0.5123, 0.0045, 3) == "51.23 ± 0.45 (3)"
    assert spread(0.5123, math.nan, 1) == "51.23 (1)"
    assert spread(math.nan, math.nan, 0) == "-"


def test_numbers_and_dashes() -> None:
    assert tables.percent(0.7541) == "75.41"
    assert tables.signed(1.018) == "+1.02"
    assert tables.signed(-0.166, 1, " %") == "-0.2 %"
    assert tables.number(12_345.67) == "12,345.7"
    assert {tables.percent(math.nan), tables.signed(math.nan), tables.number(math.nan)} == {"-"}


NASTY = [
    "a|b", "a < b & c", "$x$", "*bold*", "_under_ snake_case", "[a](b)", "`tick`", "~~gone~~",
    "back\\slash", "<b>tag</b>", "two\nlines", "![p](q.png)", "ümläut ± 4",
]  # fmt: skip


@pytest.mark.parametrize("name", NASTY)
def test_any_name_survives_markdown_as_it_is(name: str) -> None:
    table = pd.DataFrame({"cell": [name], "value": [1]})
    text = render(table, {"cell": lambda r: escape(r["cell"]), "v": lambda r: str(r["value"])})

    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(text)

    cells = [t for t in tokens if t.type == "inline"]
    assert len(cells) == 4
    children = cells[2].children or []
    assert {child.type for child in children} <= {"text", "text_special"}
    assert "".join(child.content for child in children) == " ".join(name.split())


def test_snake_case_needs_no_escape() -> None:
    assert escape("head=tma memory_length=4") == "head=tma memory_length=4"


def test_published_figures_stand_beside() -> None:
    published = {"base": {"miou": 0.7541, "train_seconds": 52953.0}}

    (row,) = overview(Study(record([finished("base", 0, 0.4)], published=published))).to_dict(
        "records"
    )

    assert (row["published_miou"], row["published_seconds"]) == (0.7541, 52953.0)


def test_interval_shows_both_signs_or_a_dash() -> None:
    assert tables.interval(-0.123, 4.567) == "-0.12 to +4.57"
    assert tables.interval(math.nan, math.nan) == "-"


def test_the_papers_table_entered_as_records_gives_its_percentages() -> None:
    """Accuracy, and training time as D-HH:MM:SS printed: see `published`, in seconds."""
    cells = {
        "TMANet": (0.7541, 52953.0),
        "APNB-TMANet": (0.7528, 49911.0),
        "Asym-TMANet": (0.7618, 66018.0),
    }
    runs = [
        finished(cell, 0, miou, train_seconds=seconds) for cell, (miou, seconds) in cells.items()
    ]

    table = overview(Study(record(runs))).set_index("cell")

    assert (100 * table["delta_relative"]).round(3).to_dict() == {
        "TMANet": 0.0, "APNB-TMANet": -0.172, "Asym-TMANet": 1.021,
    }  # fmt: skip
    assert round(100 * table["train_relative"]["APNB-TMANet"], 3) == -5.745
    assert round(100 * table["train_relative"]["Asym-TMANet"], 2) == 24.67
    assert [duration(seconds) for _, seconds in cells.values()] == [
        "0-14:42:33", "0-13:51:51", "0-18:20:18",
    ]  # fmt: skip


def test_the_papers_memory_of_three_and_the_current_frame_took_longer() -> None:
    runs = [finished(cell, 0, 0.7, train_seconds=s) for cell, s in (("4", 49911), ("3+1", 65728))]

    table = overview(Study(record(runs))).set_index("cell")

    assert round(100 * table["train_relative"]["3+1"], 1) == 31.7

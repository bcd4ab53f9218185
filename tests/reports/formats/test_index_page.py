"""The page of all experiments."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from reports.formats.index_page import Card, write_index
from reports.records import ExperimentRecord
from reports.report import build_report


def write(folder: Path, *cards: Card) -> str:
    """Write the page of some experiments, and return it."""
    write_index(cards, folder / "index.html")
    return (folder / "index.html").read_text()


@pytest.mark.slow
def test_card_has_answer_frontier_state_date_and_link(
    study: ExperimentRecord, tmp_path: Path
) -> None:
    build_report(study, tmp_path / "a b")

    page = write(
        tmp_path, Card("a b", "Why?", "6 of 6 trials finished", "2026-11-29", tmp_path / "a b")
    )

    assert '<h2><a href="a%20b/report.html">a b</a></h2>' in page
    assert "6 of 6 trials finished · 2026-11-29" in page
    assert "<strong>new</strong> scores highest, 51.00 % mIoU" in page
    assert page.count("<svg") == 1
    assert "1 experiment, the newest first." in page


def test_experiment_without_a_report_has_a_card_without_a_link(tmp_path: Path) -> None:
    page = write(tmp_path, Card("new", "", "0 of 6 trials finished, 6 pending", "2026-11-29", None))

    assert "<h2>new</h2>" in page
    assert "No report yet." in page


@pytest.mark.slow
def test_ids_of_cards_differ(study: ExperimentRecord, tmp_path: Path) -> None:
    cards = []
    for name in ("one", "two"):
        build_report(replace(study, name=name), tmp_path / name)
        cards.append(Card(name, "", "", "", tmp_path / name))

    page = write(tmp_path, *cards)

    ids = re.findall(r' id="([^"]*)"', page)
    assert ids
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'(?:href="|url\()#([^")]+)', page)) <= set(ids)


def test_texts_of_strangers_stay_texts(tmp_path: Path) -> None:
    folder = tmp_path / "x"
    folder.mkdir()
    (folder / "report.md").write_text("## Answer\n\n- <script>alert(1)</script>\n")
    (folder / "accuracy_latency-narrow.svg").symlink_to("/etc/passwd")

    page = write(tmp_path, Card("<b>x</b>", "<i>", "<u>", "<s>", folder))

    assert "<b>x" not in page
    assert "<i>" not in page
    assert page.count("<script>") == 1
    assert "root:" not in page

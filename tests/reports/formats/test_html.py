"""The HTML page of a report: its contents, and the values that tables are sorted by."""

import base64
import hashlib
import re
from pathlib import Path

import pytest

from reports.formats.html import render_page, sort_value

TABLE = """
| cell | mIoU % | time |
| :-- | --: | --: |
| **fcn** (baseline) | 36.14 ± 0.17 (3) | 4 min 6 s |
| tma, 2 | 9.88 ± 1.07 (3) | 1 d 0 h |
| lost | - | \N{EN DASH} |
"""


def values(text: str, name: str) -> list[str]:
    """Return all values of an attribute."""
    return re.findall(rf'{name}="([^"]*)"', text)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("36.14 ± 0.17 (3)", 36.14),
        ("+0.00", 0.0),
        ("-0.26", -0.26),
        ("\N{MINUS SIGN}0.26 %", -0.26),
        ("1,024.5", 1024.5),
        ("10.16 (10.83)", 10.16),
        ("[-0.5, 0.3]", -0.5),
        ("< 0.001", 0.001),
        ("4.2e-05", 4.2e-05),
        ("4 min 6 s", 246.0),
        ("2 d 1 h", 176_400.0),
        ("8.5 s", 8.5),
        ("-inf", float("-inf")),
        ("better", None),
        ("information", None),
        ("-", None),
        ("", None),
    ],
)
def test_cell_is_sorted_by_the_number_at_its_start(text: str, number: float | None) -> None:
    assert sort_value(text) == number


def test_numbers_and_gaps_of_a_column_are_marked(tmp_path: Path) -> None:
    text = render_page("t", TABLE, tmp_path)

    assert values(text, "data-number") == ["36.14", "246.0", "9.88", "86400.0"]
    assert text.count("data-missing") == 2


def test_column_with_one_word_is_sorted_as_text(tmp_path: Path) -> None:
    text = render_page(
        "t", "| a | b |\n| - | - |\n| x | 1 |\n| y | 2 of 3 |\n| z | many |", tmp_path
    )

    assert "data-number" not in text


def test_infinite_number_is_written_as_javascript_reads_it(tmp_path: Path) -> None:
    text = render_page("t", "| a |\n| - |\n| inf |\n| -inf |", tmp_path)

    assert values(text, "data-number") == ["Infinity", "-Infinity"]


def test_contents_link_to_every_section(tmp_path: Path) -> None:
    markdown = "# title\n\nIntro.\n\n## One & two\n\n## Per class\n\n### Part\n\n## Per class\n"

    text = render_page("t", markdown, tmp_path)

    assert values(text, "href") == ["#one--two", "#per-class", "#per-class-1"]
    assert [i for i in values(text, " id") if i != "title"] == [
        "one--two", "per-class", "part", "per-class-1",
    ]  # fmt: skip
    assert text.index("Intro.") < text.index("<nav") < text.index("<h2")
    assert "One &amp; two</a>" in text


def test_what_is_below_a_heading_of_the_third_level_is_folded(tmp_path: Path) -> None:
    text = render_page(
        "t", f"## One\n\n### Part\n\n{TABLE}\n### Next\n\nb\n\n## Two\n\nc\n", tmp_path
    )

    folded = re.findall(r"<details>.*?</details>", text, re.DOTALL)
    assert [re.findall("<h3.*?>(.*?)</h3>", part) for part in folded] == [["Part"], ["Next"]]
    assert "<td" in folded[0]
    assert "<p>c</p>" not in "".join(folded)


def test_values_of_a_table_have_the_headings_that_phones_show(tmp_path: Path) -> None:
    text = render_page("t", TABLE, tmp_path)

    assert 'class="table cards"' in text
    assert values(text, "data-label")[:3] == ["cell", "mIoU %", "time"]


def test_short_report_has_no_contents(tmp_path: Path) -> None:
    assert "<nav" not in render_page("t", "# a\n\n## b\n\n## c\n", tmp_path)


def test_page_without_sections_is_rendered(tmp_path: Path) -> None:
    assert "<p>Nothing.</p>" in render_page("t", "Nothing.", tmp_path)


def test_html_in_text_stays_text(tmp_path: Path) -> None:
    text = render_page("<i>", "# <b>x</b>\n\n<script>alert(1)</script>\n", tmp_path)

    assert "<title>&lt;i&gt;</title>" in text
    assert "&lt;b&gt;x&lt;/b&gt;" in text
    assert text.count("<script>") == 1
    assert "alert(1)</script>" not in text


def test_only_the_embedded_script_may_run(tmp_path: Path) -> None:
    text = render_page("t", "x", tmp_path)

    (script,) = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    (policy,) = values(text, 'Content-Security-Policy" content')
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert policy.endswith(f"script-src 'sha256-{digest}'")


def test_page_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    text = render_page("t", TABLE + "\n![x](https://example.org/x.png)\n", tmp_path)

    assert re.findall(r"""(?:https?:|src=|@import|url\()""", text) == []
    assert "missing picture: x" in text


def test_picture_is_embedded_in_the_page(tmp_path: Path, large_picture: bytes) -> None:
    (tmp_path / "größe 1.png").write_bytes(large_picture)

    text = render_page("t", "![a < b](<größe 1.png>)", tmp_path)

    assert base64.b64encode(large_picture).decode() in text
    assert 'alt="a &lt; b" width="60" height="40"' in text
    assert 'class="panel"' not in text


def test_animated_picture_is_embedded_too(tmp_path: Path) -> None:
    (tmp_path / "clip.webp").write_bytes(b"RIFF")

    assert 'src="data:image/webp;base64,' in render_page("t", "![x](clip.webp)", tmp_path)


def test_small_picture_is_part_of_its_line(tmp_path: Path, picture: bytes) -> None:
    (tmp_path / "a.png").write_bytes(picture)

    text = render_page("t", "![](a.png) road", tmp_path)

    assert '<p><span class="chip" aria-hidden="true" style="background-image: url(data:' in text


def test_pictures_in_one_line_are_panels(tmp_path: Path, large_picture: bytes) -> None:
    (tmp_path / "a.png").write_bytes(large_picture)

    text = render_page("t", "![x](a.png) ![y](a.png)", tmp_path)

    assert text.count('<span class="panel"><img') == 2


@pytest.mark.parametrize("source", ["gone.png", "../secret.png", "notes.txt", "pictures"])
def test_file_that_is_not_a_picture_of_the_report_is_reported_as_missing(
    source: str, tmp_path: Path
) -> None:
    folder = tmp_path / "report"
    (folder / "pictures").mkdir(parents=True)
    (folder / "notes.txt").write_text("x")
    (tmp_path / "secret.png").write_bytes(b"\x89PNG")

    text = render_page("t", f"![the frame]({source})", folder)

    assert '<em class="missing">missing picture: the frame</em>' in text
    assert "<img" not in text


def test_table_is_named_after_its_heading(tmp_path: Path) -> None:
    text = render_page("t", f"{TABLE}\n## IoU by class\n{TABLE}", tmp_path)

    assert values(text, "aria-label") == ["table", "IoU by class"]

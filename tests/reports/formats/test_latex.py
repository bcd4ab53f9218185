"""Tables for a paper, in which no name acts as a command."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from reports.formats.latex import escape, write_table

AWKWARD = 'a|b <script> $5 & 100 % #1 x_1 ^~ \\input{x} "q" `c` größe ± × µ Δ'  # noqa: RUF001


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("36.14 ± 0.17 (3)", r"36.14 $\pm$ 0.17 (3)"),
        ("-0.26", "$-$0.26"),
        ("[-0.5, -.3]", "{[}$-$0.5, $-$.3{]}"),
        ("1-07:04:06", "1-07:04:06"),
        ("tma-2", "tma-2"),
        ("-", "-"),
        ("+21.43 %", r"+21.43 \%"),
        ("a|b", r"a\textbar{}b"),
        ("$x_1$", r"\$x\_1\$"),
        ("\\input{x}", r"\textbackslash{}input\{x\}"),
        ("*best*", "{*}best{*}"),
        ("--watch", "-{}-watch"),
        ("5 µs", r"5 $\mu$s"),
        ("größe", "größe"),
        ("two\nlines\x00\x1b", "two lines"),
    ],
)
def test_text_is_printed_literally(text: str, escaped: str) -> None:
    assert escape(text) == escaped


def test_table_is_complete_latex() -> None:
    table = write_table("A & B", "tab:a b_c", ["cell", "mIoU %"], [["fcn", "36.1"], ["tma", "-"]])

    assert table == (
        "% Needs \\usepackage{booktabs}.\n"
        "\\begin{table}\n\\centering\n\\caption{A \\& B}\n\\label{tab:a-b_c}\n"
        "\\begin{tabular}{@{}lr@{}}\n\\toprule\ncell & mIoU \\% \\\\\n\\midrule\n"
        "fcn & 36.1 \\\\\ntma & - \\\\\n\\bottomrule\n\\end{tabular}\n\\end{table}\n"
    )


def test_awkward_names_do_not_split_a_row() -> None:
    row = write_table(AWKWARD, "t", ["cell", AWKWARD], [[AWKWARD, AWKWARD]]).splitlines()[-4]

    assert len(re.findall(r"(?<!\\)&", row)) == 1
    assert not re.search(r"(?<!\\)[%#_]", row.replace("\\\\", ""))
    assert row.count("$") - row.count("\\$") == 2 * 2 * 4


def test_letters_that_pdflatex_lacks_are_kept_and_listed() -> None:
    table = write_table("c", "t", ["cell"], [["记忆 é"]])

    assert "% Needs XeLaTeX or LuaLaTeX, and a font with these letters: 忆 记\n" in table
    assert "\n记忆 é \\\\\n" in table


def test_ordinary_table_compiles_with_pdflatex_alone() -> None:
    assert "XeLaTeX" not in write_table(AWKWARD, "t", ["cell"], [["tma – “x” €"]])  # noqa: RUF001


@pytest.mark.parametrize("rows", [[["a"]], [["a", "b", "c"]]])
def test_row_of_the_wrong_length_is_refused(rows: list[list[str]]) -> None:
    with pytest.raises(ValueError, match="every row needs 2 columns"):
        write_table("c", "t", ["cell", "mIoU"], rows)


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex")
def test_pdflatex_compiles_a_table_of_awkward_names(tmp_path: Path) -> None:
    rows = [[AWKWARD, "-0.26"], ["[0, 1]", "36.1 ± 0.2"], ["*best*", "-"]]
    table = write_table(AWKWARD, "tab:x", ["cell", "mIoU %"], rows)
    (tmp_path / "paper.tex").write_text(
        "\\documentclass{article}\n\\usepackage[T1]{fontenc}\n\\usepackage{booktabs}\n"
        f"\\begin{{document}}\n{table}\\end{{document}}\n",
        encoding="utf-8",
    )

    result = subprocess.run(
        ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "paper.tex"],
        cwd=tmp_path, capture_output=True, text=True, errors="replace",
    )  # fmt: skip

    assert result.returncode == 0, result.stdout[-2000:]

"""Tables for a paper: LaTeX with booktabs, from any text."""

import re
import unicodedata
from collections.abc import Sequence

_MINUS = "\N{MINUS SIGN}"
# Characters that TeX treats as commands, prints as something else, or lacks.
_CHARACTERS = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "`": r"\textasciigrave{}",
    # Without braces, the end of a row would treat them as its options.
    "[": "{[}",
    "]": "{]}",
    "*": "{*}",
    "\N{PLUS-MINUS SIGN}": r"$\pm$",
    "\N{MULTIPLICATION SIGN}": r"$\times$",
    _MINUS: "$-$",
    "\N{LESS-THAN OR EQUAL TO}": r"$\leq$",
    "\N{GREATER-THAN OR EQUAL TO}": r"$\geq$",
    "\N{ALMOST EQUAL TO}": r"$\approx$",
    "\N{NOT EQUAL TO}": r"$\neq$",
    "\N{RIGHTWARDS ARROW}": r"$\rightarrow$",
    "\N{LEFTWARDS ARROW}": r"$\leftarrow$",
    "\N{INFINITY}": r"$\infty$",
    "\N{SQUARE ROOT}": r"$\surd$",
    "\N{NO-BREAK SPACE}": "~",
    "\N{THIN SPACE}": r"\,",
}
_SMALL = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lamda mu nu xi pi rho sigma tau "
    "upsilon phi chi psi omega"
)
# The others look like Latin letters.
_CAPITAL = "gamma delta theta lamda xi pi sigma upsilon phi psi omega"
_GREEK = {
    unicodedata.lookup(f"GREEK {case} LETTER {name}"): name.title() if case == "CAPITAL" else name
    for case, names in (("SMALL", _SMALL), ("CAPITAL", _CAPITAL))
    for name in names.split()
} | {"\N{MICRO SIGN}": "mu"}
_COMMANDS = _CHARACTERS | {
    letter: f"$\\{name.replace('amda', 'ambda')}$" for letter, name in _GREEK.items()
}
# A hyphen before a number is a minus sign; one inside a word, a name or a duration is not.
_NEGATIVE = re.compile(r"(?<![\w.)\]-])-(?=[\d.])")
# Latin letters with accents, dashes and quotation marks, which pdfLaTeX prints as they are.
_PRINTABLE = re.compile(r"[\x20-\x7e\xa1-\xac\xae-\u017f\u2013\u2014\u2018-\u201e\u2026\u20ac]")


def write_table(
    caption: str, label: str, headings: Sequence[str], rows: Sequence[Sequence[str]]
) -> str:
    """Write a floating table; the first column is left-aligned, the others right-aligned.

    Args:
        caption: the caption, plain text like headings and rows.
        label: the label for `\\ref`; characters that a label cannot contain become hyphens.
        headings: the headings, one per column.
        rows: the rows, with one cell per heading.

    Returns:
        LaTeX that needs `booktabs`. Letters that pdfLaTeX lacks are left unchanged, and named in a
        comment.

    Raises:
        ValueError: if a row is too short or too long.
    """
    if not headings or any(len(row) != len(headings) for row in rows):
        raise ValueError(f"every row needs {len(headings) or 'some'} columns, one per heading")
    lines = [
        "% Needs \\usepackage{booktabs}.",
        *_warning("".join([caption, *headings, *(cell for row in rows for cell in row)])),
        "\\begin{table}",
        "\\centering",
        f"\\caption{{{escape(caption)}}}",
        f"\\label{{{re.sub(r'[^A-Za-z0-9:._-]', '-', label)}}}",
        f"\\begin{{tabular}}{{@{{}}l{'r' * (len(headings) - 1)}@{{}}}}",
        "\\toprule",
        _row(headings),
        "\\midrule",
        *(_row(row) for row in rows),
        "\\bottomrule",
        "\\end{tabular}",
        "\\end{table}",
    ]
    return "\n".join(lines) + "\n"


def escape(text: str) -> str:
    """Escape text so that LaTeX prints it literally, on one line."""
    flat = _NEGATIVE.sub(_MINUS, " ".join(text.split()))
    printable = "".join(character for character in flat if character.isprintable())
    escaped = "".join(_COMMANDS.get(character, character) for character in printable)
    return re.sub(r"-(?=-)", "-{}", escaped)  # two hyphens would become a dash


def _row(cells: Sequence[str]) -> str:
    return " & ".join(escape(cell) for cell in cells) + " \\\\"


def _warning(text: str) -> list[str]:
    """Write a comment that names the letters that pdfLaTeX lacks, if there are any."""
    letters = {c for c in text if c.isprintable() and c not in _COMMANDS}
    missing_letters = sorted(c for c in letters if not _PRINTABLE.fullmatch(c))
    if not missing_letters:
        return []
    letters_text = " ".join(missing_letters)
    return [f"% Needs XeLaTeX or LuaLaTeX, and a font with these letters: {letters_text}"]

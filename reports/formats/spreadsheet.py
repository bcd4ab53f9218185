"""Text for CSV files that people open in spreadsheets, which would run some texts as formulas."""

import re
from typing import Any

# What a spreadsheet takes for the beginning of a formula; apostrophes of our own come first.
_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")


def guard(text: str) -> str:
    """Put an apostrophe before a text that would be a formula; `unguard` removes it."""
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def unguard(cell: str) -> str:
    """Return the text that `guard` has written."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def as_cell(value: Any) -> Any:
    """Return a value as a cell that is shown as it reads, without control characters.

    Anything but texts stays as it is.
    """
    if not isinstance(value, str):
        return value
    return guard("".join(letter if letter.isprintable() else "?" for letter in value))

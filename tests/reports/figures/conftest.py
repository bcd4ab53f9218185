"""The colours of a figure file."""

import re
from pathlib import Path

from reports.figures.palette import variable_of


def variables_of(path: Path) -> set[str]:
    """Return every variable for a colour that a figure refers to."""
    return set(re.findall(r"(?:fill|stroke): (var\(--[\w-]+\))", path.read_text("utf-8")))


def variables(*colours: str) -> set[str]:
    """Return the variables that show these colours."""
    return {variable_of(colour) for colour in colours}

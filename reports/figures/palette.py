"""The colours of figures: each drawn in its light form, and shown in the form that suits the page.

The SVG of a figure refers to variables such as `var(--accent)`. The page that contains it, or the
file itself, defines them for light and for dark readers.
"""

from typing import NamedTuple


class _Colour(NamedTuple):
    light: str
    dark: str


_COLOURS = {
    "paper": _Colour("#ffffff", "#18181b"),
    "ink": _Colour("#1f2937", "#e4e4e7"),
    "grid": _Colour("#e5e7eb", "#3f3f46"),
    "grey": _Colour("#8b919c", "#a1a1aa"),
    "base": _Colour("#c2410c", "#fb923c"),
    "accent": _Colour("#1d4ed8", "#93b4ff"),
    # Paul Tol's muted scheme, safe for colour-blind readers, without the hue of the baseline.
    "line-1": _Colour("#332288", "#a99bff"),
    "line-2": _Colour("#44aa99", "#5cc9b7"),
    "line-3": _Colour("#aa4499", "#dd7fcd"),
    "line-4": _Colour("#88ccee", "#9ad6f4"),
    "line-5": _Colour("#117733", "#55b978"),
    "line-6": _Colour("#882255", "#e27aac"),
    "line-7": _Colour("#999933", "#c5c562"),
    "line-8": _Colour("#5577dd", "#7f9cf0"),
    "line-9": _Colour("#111111", "#f4f4f5"),
}
PAPER, INK, GRID, GREY = (_COLOURS[name].light for name in ("paper", "ink", "grid", "grey"))
BASELINE, ACCENT = _COLOURS["base"].light, _COLOURS["accent"].light
SERIES = tuple(_COLOURS[f"line-{number}"].light for number in range(1, 10))
# On tiles, which keep their colours on a dark page; not the same as INK and PAPER.
TILE_INK, TILE_PAPER = "#1f2938", "#fffffe"
_VARIABLES = {colour.light: f"var(--{name})" for name, colour in _COLOURS.items()}


def variable_of(colour: str) -> str:
    """Return the variable that shows a colour; a colour that is not ours stays as it is."""
    return _VARIABLES.get(colour, colour)


def define_variables(selector: str) -> str:
    """Write the CSS that defines the variables of an element, for light and for dark readers."""
    light, dark = (
        "".join(f"--{name}:{colour[form]};" for name, colour in _COLOURS.items()) for form in (0, 1)
    )
    return f"{selector}{{{light}}}@media (prefers-color-scheme:dark){{{selector}{{{dark}}}}}"

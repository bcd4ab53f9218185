"""Matplotlib's SVG, turned into figures that belong to their page.

The text has the page's font and the colours are variables, so that a figure follows its page into
dark mode. Marks have titles, which browsers show where the pointer rests. The same figure has the
same bytes, and ids differ between figures, as several are part of one page.
"""

import html
import re
from collections.abc import Container, Mapping

from reports.figures.palette import define_variables, variable_of

FONT = 'system-ui,-apple-system,"Segoe UI",Roboto,sans-serif'
_TAG = re.compile(r"<[a-z][^>]*>")  # in text and attributes, these characters are escaped
_REFERENCE = re.compile(r'(?:href="|url\()#([^")]+)')
_STYLE = f"svg{{font-family:{FONT};background:var(--paper)}}"


def refine(svg: str, name: str, titles: Mapping[str, str]) -> str:
    """Turn Matplotlib's SVG into a file that can also be embedded by `embed`.

    Args:
        svg: the text of the SVG, with text as text.
        name: the name of the figure, which its ids begin with.
        titles: id of a group -> the text that is shown for it.
    """
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>\s*", "", svg, flags=re.DOTALL)
    # This style would hold for the whole page.
    svg = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<!--.*?-->\s*", "", svg, flags=re.DOTALL)
    svg = _add_titles(svg, titles)
    references = {id for tag in _TAG.findall(svg) for id in _REFERENCE.findall(tag)}
    svg = _TAG.sub(lambda match: _refine_tag(match[0], name, references), svg)
    style = f"<style>{define_variables('svg')}{_STYLE}</style>"
    root = '<svg class="plot" stroke-linejoin="round"'
    return re.sub(r"<svg(.*?)>", lambda match: f"{root}{match[1]}>{style}", svg, count=1)


def embed(svg: str, label: str) -> str:
    """Return a refined SVG as an element of a page, which defines its variables and its font."""
    svg = re.sub(r"<style>.*?</style>", "", svg, flags=re.DOTALL)
    svg = re.sub(r' xmlns(:\w+)?="[^"]*"', "", svg, count=3)
    return svg.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1).strip()


def _add_titles(svg: str, titles: Mapping[str, str]) -> str:
    def add(match: re.Match[str]) -> str:
        if match[1] not in titles:
            return match[0]
        return f'<g class="tip"><title>{html.escape(titles[match[1]])}</title>'

    return re.sub(r'<g id="([^"]*)">', add, svg)


def _refine_tag(tag: str, name: str, references: Container[str]) -> str:
    """Replace fonts, colours and ids; unused ids and digits that nobody sees are left out."""
    tag = re.sub(r' d="([^"]*)"', lambda match: f' d="{_shorten_path(match[1])}"', tag)
    tag = re.sub(r"(\.\d\d)\d+", r"\1", tag)  # 0.01 of a point
    tag = re.sub(r"font-family: [^;\"]*;? ?", "", tag)
    tag = re.sub(r"#[0-9a-f]{6}\b", lambda match: variable_of(match[0]), tag)
    tag = re.sub(
        r' id="([^"]*)"', lambda m: f' id="{name}-{m[1]}"' if m[1] in references else "", tag
    )
    return _REFERENCE.sub(lambda match: match[0].replace("#", f"#{name}-"), tag).replace(
        "xlink:href", "href"
    )


def _shorten_path(path: str) -> str:
    """Round a path to 0.1 of a point, without spaces that separate nothing."""
    path = re.sub(r"-?\d+\.\d+", lambda match: f"{round(float(match[0]), 1):g}", path)
    return re.sub(r"\s*([A-Za-z])\s*", r"\1", path).strip()

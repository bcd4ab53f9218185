"""A report as one HTML file: Markdown in, a page out that needs no other file.

It opens from disk, and in a sandboxed frame such as MLflow's artifact viewer: style, script and
pictures are embedded, and a policy forbids everything else. The script sorts tables; the page is
complete without it.
"""

import base64
import hashlib
import html
import math
import mimetypes
import re
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token

from reports.figures.palette import define_variables
from reports.figures.style import narrow_form
from reports.figures.svg import embed

MIN_HEADINGS_FOR_CONTENTS = 3
MAX_CARD_COLUMNS = 7  # a table with more scrolls on a phone, instead of becoming a list
_NO_BREAK_SPACE = "\N{NO-BREAK SPACE}"
_CHIP = 24  # pixels; a smaller picture is part of its line
_MEDIA = {".webp": "image/webp"}  # unknown to Python 3.11
_FOLDER = Path(__file__).parent
_MISSING = {"", "-", "\N{EN DASH}", "\N{EM DASH}", "nan"}
_DURATION = re.compile(r"(?:(?:\d+(?:\.\d+)? (?:d|h|min|s)\b) ?)+")
_SECONDS_IN = {"d": 86_400, "h": 3_600, "min": 60, "s": 1}
_NUMBER = re.compile(
    r"[<>≤≥~≈(\[]*\s*"
    r"(?P<sign>[-+]?)(?P<digits>(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:[eE][-+]?\d+)?|\.\d+|inf\b)"
)


class Section(NamedTuple):
    """A heading of the second level: the index of its token, its id and its text."""

    token_index: int
    anchor: str
    text: str


def render_page(title: str, markdown: str, folder: Path) -> str:
    """Render one page with a table of contents and sortable tables.

    What is below a heading of the third level is folded until the reader opens it.

    Args:
        title: the title of the page, plain text.
        markdown: CommonMark with tables; HTML in it is shown as text.
        folder: the folder of the pictures; a missing picture is replaced by its caption.
    """
    parser = _parser()
    tokens = _fold(parser.parse(markdown))
    sections = _add_anchors(tokens)
    _mark_cells(tokens)
    env = {"folder": folder.resolve()}
    first = sections[0].token_index if sections else len(tokens)
    head, body = (
        parser.renderer.render(part, parser.options, env)
        for part in (tokens[:first], tokens[first:])
    )
    return render_document(title, f"{head}{_contents(sections)}{body}")


def render_document(title: str, body: str) -> str:
    """Render a page with its style, its script and a policy that allows nothing else.

    Args:
        title: the title of the page, plain text.
        body: the HTML of its content.
    """
    style, script = ((_FOLDER / f"report.{kind}").read_text("utf-8") for kind in ("css", "js"))
    style = f"{define_variables(':root')}\n{style}"
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_policy(script)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(title)}</title>\n<style>\n{style}</style>\n</head>\n"
        f"<body>\n<main>\n{body}</main>\n"
        f"<script>{script}</script>\n</body>\n</html>\n"
    )


def render_markdown(markdown: str, folder: Path) -> str:
    """Render a part of a report, without contents; HTML in it is shown as text."""
    parser = _parser()
    tokens = parser.parse(markdown)
    _add_anchors(tokens)
    _mark_cells(tokens)
    return str(parser.renderer.render(tokens, parser.options, {"folder": folder.resolve()}))


def sort_value(text: str) -> float | None:
    """Return the number at the start of a table cell, with durations in seconds, or None.

    `36.14 ± 0.17 (3)` is 36.14, `-0.26 %` is -0.26, `1 d 2 h` is 93600.
    """
    text = text.strip().replace("\N{MINUS SIGN}", "-")
    if duration := _DURATION.match(text):
        parts = re.findall(r"([\d.]+) (\w+)", duration[0])
        return sum(float(count) * _SECONDS_IN[unit] for count, unit in parts)
    if number := _NUMBER.match(text):
        value = float(number["digits"].replace(",", ""))
        return -value if number["sign"] == "-" else value
    return None


def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    parser.add_render_rule("table_open", _open_table)
    parser.add_render_rule("table_close", _close_table)
    parser.add_render_rule("image", _image)
    return parser


def _policy(script: str) -> str:
    """Allow the page's own content and this script, and nothing else."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
        f"script-src 'sha256-{digest}'"
    )


def _fold(tokens: Sequence[Token]) -> list[Token]:
    """Enclose each heading of the third level, and what is below it, in an element that opens."""
    folded: list[Token] = []
    is_open = False
    for token in tokens:
        if token.type == "heading_open":
            folded += [_html("</details>\n")] * is_open
            is_open = token.tag == "h3"
            folded += [_html("<details>\n<summary>")] * is_open
        folded.append(token)
        if token.type == "heading_close" and is_open:
            folded.append(_html("</summary>\n"))
    return [*folded, *[_html("</details>\n")] * is_open]


def _html(content: str) -> Token:
    return Token("html_block", "", 0, content=content)


def _add_anchors(tokens: Sequence[Token]) -> list[Section]:
    """Give each heading an id, and name each table after the heading above it."""
    sections: list[Section] = []
    anchors: set[str] = set()
    text = ""
    for index, token in enumerate(tokens):
        if token.type == "heading_open":
            text = _visible_text(tokens[index + 1])
            anchor = _new_anchor(text, anchors)
            anchors.add(anchor)
            token.attrSet("id", anchor)
            if token.tag == "h2":
                sections.append(Section(index, anchor, text))
        elif token.type == "table_open":
            token.meta["heading"] = text
    return sections


def _new_anchor(text: str, anchors: set[str]) -> str:
    """Return the id that code hosts give to a heading, numbered if it is in use."""
    base = re.sub(r"\s", "-", re.sub(r"[^\w\s-]", "", text.lower())) or "section"
    anchor, number = base, 0
    while anchor in anchors:
        number += 1
        anchor = f"{base}-{number}"
    return anchor


def _contents(sections: Sequence[Section]) -> str:
    if len(sections) < MIN_HEADINGS_FOR_CONTENTS:
        return ""
    links = "".join(
        f'<li><a href="#{html.escape(section.anchor)}">{html.escape(section.text)}</a></li>\n'
        for section in sections
    )
    return f'<nav aria-label="Contents">\n<ul>\n{links}</ul>\n</nav>\n'


def _mark_cells(tokens: Sequence[Token]) -> None:
    """Give the cells of each table the values that they are sorted by."""
    table, rows = Token("", "", 0), list[list[tuple[Token, str]]]()
    headings: list[str] = []
    for index, token in enumerate(tokens):
        if token.type == "table_open":
            table, rows, headings = token, [], []
        elif token.type == "tr_open":
            rows.append([])
        elif token.type == "th_open":
            headings.append(_visible_text(tokens[index + 1]))
        elif token.type == "td_open":
            token.attrSet("data-label", headings[len(rows[-1])])
            rows[-1].append((token, _visible_text(tokens[index + 1])))
        elif token.type == "table_close":
            for column in zip(*(row for row in rows if row), strict=True):
                _mark_column(column)
            table.meta["columns"] = len(headings)
            table.meta["names"] = max((len(row[0][1]) for row in rows if row), default=0)


def _mark_column(cells: Sequence[tuple[Token, str]]) -> None:
    """Sort a column as numbers if every cell is empty or begins with one."""
    numbers: list[tuple[Token, float]] = []
    is_numeric = True
    for cell, text in cells:
        if text.strip().lower() in _MISSING:
            cell.attrSet("data-missing", "")
        elif (value := sort_value(text)) is None:
            is_numeric = False
        else:
            numbers.append((cell, value))
    for cell, value in numbers if is_numeric else ():
        infinite = "Infinity" if value > 0 else "-Infinity"
        cell.attrSet("data-number", f"{value!r}" if math.isfinite(value) else infinite)


def _visible_text(inline: Token) -> str:
    """Return the text that a reader sees in a heading or a cell."""
    breaks = {"softbreak": " ", "hardbreak": " "}
    return "".join(breaks.get(child.type, child.content) for child in inline.children or [])


def _open_table(
    renderer: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any
) -> str:
    """Open a table in a region that scrolls by itself, with the keyboard too."""
    table = tokens[index]
    name = html.escape(table.meta["heading"] or "table")
    kind = "table cards" if table.meta["columns"] <= MAX_CARD_COLUMNS else "table"
    return (
        f'<div class="{kind}" role="region" tabindex="0" aria-label="{name}">\n'
        f'<table style="--names: {table.meta["names"]}ch">\n'
    )


def _close_table(
    renderer: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any
) -> str:
    return "</table>\n</div>\n"


def _image(
    renderer: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any
) -> str:
    """Embed a picture in a region that scrolls by itself, or note that the picture is missing."""
    token = tokens[index]
    caption = html.escape(renderer.renderInlineAsText(token.children, options, env))
    path = (env["folder"] / unquote(str(token.attrGet("src")))).resolve()
    media = _MEDIA.get(path.suffix) or mimetypes.guess_type(path.name)[0] or ""
    is_inside = path.is_relative_to(env["folder"]) and path.is_file()
    if not (is_inside and media.startswith("image/")):
        return f'<em class="missing">missing picture: {caption}</em>'
    if path.suffix == ".svg" and path.parent == env["folder"]:  # drawn by us, not copied
        return _figure(path, caption)
    content = path.read_bytes()
    width, height = _size(content)
    size = f' width="{width}" height="{height}"' if width else ""
    source = f"data:{media};base64,{base64.b64encode(content).decode()}"
    picture = f'<img src="{source}" alt="{caption}"{size} />'
    if 0 < width < _CHIP and height < _CHIP:
        # Lines break beside an image, also at a no-break space, but not beside a background.
        name = f'role="img" aria-label="{caption}"' if caption else 'aria-hidden="true"'
        style = f'style="background-image: url({source})"'
        return f'<span class="chip" {name} {style}>{3 * _NO_BREAK_SPACE}</span>'
    if sum(each.type == "image" for each in tokens) > 1:
        return f'<span class="panel">{picture}</span>'
    return f'<span class="figure" role="group" tabindex="0" aria-label="{caption}">{picture}</span>'


def _figure(path: Path, caption: str) -> str:
    """Embed a figure in both of its forms; the style shows the one that suits the screen."""
    forms = {"screen": path, "phone": narrow_form(path)}
    return "".join(
        f'<span class="figure {form}">{embed(file.read_text("utf-8"), caption)}</span>'
        for form, file in forms.items()
        if file.is_file()
    )


def _size(content: bytes) -> tuple[int, int]:
    """Return the width and height of a PNG, or 0, 0 for any other picture."""
    if content[:8] != b"\x89PNG\r\n\x1a\n" or len(content) < 24:
        return 0, 0
    width, height = struct.unpack(">II", content[16:24])
    return width, height

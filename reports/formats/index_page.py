"""The page of all experiments: a card for each, made from the files of its report."""

import html
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from reports.figures.svg import embed
from reports.formats.html import render_document, render_markdown

_ANSWER = re.compile(r"^## Answer\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
_FIGURE = "accuracy_latency-narrow.svg"
_HEADING = "<h1>Experiments</h1>"
_LARGEST_FILE = 4 * 2**20  # bytes
_FRONTIER_LABEL = "mIoU against latency"


@dataclass(frozen=True)
class Card:
    """An experiment on the page.

    Attributes:
        state: the state of its trials in words.
        date: when its last trial ended, or when it was submitted.
        folder: the folder of its report; None if there is none yet.
    """

    name: str
    description: str
    state: str
    date: str
    folder: Path | None


def write_index(cards: Sequence[Card], path: Path) -> None:
    """Write the page of all experiments, in the given order.

    Args:
        cards: the experiments.
        path: path of the page; links to reports are relative to its folder.
    """
    count = f"{len(cards)} experiment{'' if len(cards) == 1 else 's'}"
    body = "".join(_write_card(card, number, path.parent) for number, card in enumerate(cards))
    page = f'{_HEADING}\n<p>{count}, the newest first.</p>\n<div class="grid">\n{body}</div>'
    path.write_text(render_document("Experiments", page), encoding="utf-8")


def is_index(path: Path) -> bool:
    """Return whether a file is a page of all experiments."""
    try:
        with path.open("rb") as file:
            return _HEADING.encode() in file.read(_LARGEST_FILE)
    except OSError:
        return False


def _write_card(card: Card, number: int, folder: Path) -> str:
    name, description = html.escape(card.name), html.escape(card.description)
    heading, answer, figure = name, "<p>No report yet.</p>", ""
    if card.folder is not None:
        address = quote(os.path.relpath(card.folder / "report.html", folder))
        heading = f'<a href="{html.escape(address)}">{name}</a>'
        answer, figure = _read_answer(card.folder), _read_figure(card.folder, number)
    return (
        f'<article class="experiment">\n<h2>{heading}</h2>\n<p>{description}</p>\n'
        f'<p class="state">{html.escape(card.state)} · {html.escape(card.date)}</p>\n'
        f"{answer}{figure}</article>\n"
    )


def _read_answer(folder: Path) -> str:
    """Return the answer of a report, as its page shows it."""
    answer = _ANSWER.search(_read(folder / "report.md"))
    return render_markdown(answer[1], folder) if answer else ""


def _read_figure(folder: Path, number: int) -> str:
    """Return the figure of the frontier; its ids differ from those of other cards."""
    svg = _read(folder / _FIGURE)
    if not svg.startswith("<svg"):
        return ""
    prefix = f"{_FIGURE.removesuffix('.svg')}-"
    svg = re.sub(rf'( id="|#){prefix}', rf"\1card-{number}-", svg)
    return f'<div class="figure">{embed(svg, _FRONTIER_LABEL)}</div>\n'


def _read(path: Path) -> str:
    """Return the text of a file; "" if it is missing or too large to be ours."""
    if not path.is_file() or path.is_symlink() or path.stat().st_size > _LARGEST_FILE:
        return ""
    return path.read_text(encoding="utf-8", errors="replace")

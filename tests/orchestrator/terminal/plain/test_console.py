"""A terminal that strangers cannot steer."""

import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.live import Live
from rich.table import Table
from rich.text import Text

from orchestrator.terminal.plain.console import PlainConsole
from orchestrator.terminal.plain.text import neutralise

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
OWN = re.compile(r"\x1b\[[0-9;]*[a-zA-Z]|\x1b\[\?25[lh]|\r")  # styles and movements of Rich
HOSTILE = "a\x1b]0;title\x07b\x1b[2Jc\u202ed\x9b1m"


def printed(terminal: io.StringIO) -> str:
    return OWN.sub("", terminal.getvalue())


def table_of(text: str) -> Table:
    table = Table(title=text)
    table.add_column(Text(text), style="bold red")
    table.add_row(text)
    table.add_row(Text(text, style="green"))
    return table


@pytest.mark.slow
@given(st.text() | st.sampled_from([HOSTILE, "[/0]", "[red]"]))
def test_table_of_any_text_prints_no_control_character(text: str) -> None:
    terminal = io.StringIO()

    console = PlainConsole(file=terminal, width=60, force_terminal=False)
    console.print(table_of(text), Text(text))

    assert not CONTROL.search(terminal.getvalue())


def test_names_are_printed_as_they_are() -> None:
    terminal, names = io.StringIO(), ("a:x:0", "b :fire: c", "[/a]")

    console = PlainConsole(file=terminal, width=60)
    for name in names:
        console.print(table_of(name), name)

    assert [terminal.getvalue().count(name) for name in names] == [5, 5, 5]


def test_live_view_prints_no_control_characters_but_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    terminal = io.StringIO()
    console = PlainConsole(file=terminal, width=60, force_terminal=True)

    with Live(table_of(HOSTILE), console=console, auto_refresh=False) as live:
        console.print(HOSTILE, markup=False)
        live.refresh()

    assert "\\x1b]0;title" in printed(terminal)
    assert not CONTROL.search(printed(terminal))
    assert "\x1b[2J" not in terminal.getvalue()


@given(st.text())
def test_lines_stay_lines(text: str) -> None:
    lines = neutralise(f"{text}\n\tnext")

    assert not CONTROL.search(lines)
    assert lines.endswith("\n\tnext")

"""Messages about what a stranger wrote: short, printable and on one line."""

from collections.abc import Collection
from reprlib import Repr

LONGEST = 300  # characters of a message about a file

_YAML_WORDS = {None: "null", True: "true", False: "false"}
_REPR = Repr()
_REPR.maxstring = _REPR.maxother = _REPR.maxlong = 60
_REPR.maxlevel = 2
_REPR.maxlist = _REPR.maxtuple = _REPR.maxdict = _REPR.maxset = 4


def excerpt(value: object) -> str:
    """Return a value in a few words, with control characters escaped.

    Strings are quoted; None, True and False are written as in YAML.
    """
    if value is None or isinstance(value, bool):
        return _YAML_WORDS[value]
    if isinstance(value, int) and value.bit_length() > 128:  # Python refuses to write long ones
        return f"a number of about {value.bit_length() * 3 // 10} digits"
    return cut(printable(_REPR.repr(value)), 80)


def excerpt_name(name: object) -> str:
    """Return a name, shortened and with control characters escaped, for use between quotes."""
    return cut(printable(str(name)), 80)


def list_briefly(names: Collection[object], most: int = 10) -> str:
    """Join names with commas; only the first ones if there are many."""
    shown = [cut(printable(str(name)), 40) for name, _ in zip(names, range(most), strict=False)]
    while len(shown) > 1 and sum(map(len, shown)) > 120:
        shown.pop()
    more = f" and {len(names) - len(shown)} more" if len(names) > len(shown) else ""
    return ", ".join(shown) + more


def one_line(text: str, longest: int = LONGEST) -> str:
    """Return a message on one line of printable characters; the middle of a longer one is cut."""
    return cut(printable(" ".join(text.split())), longest)


def printable(text: str) -> str:
    """Escape the characters that would not be printed as themselves: controls, odd spaces."""
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in text
    )


def cut(text: str, longest: int) -> str:
    """Shorten a text by its middle: it keeps its beginning and its end."""
    if len(text) <= longest:
        return text
    tail = longest // 3
    return f"{text[: longest - tail - 3]}...{text[-tail:]}"

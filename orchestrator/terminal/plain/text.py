"""What strangers wrote, for a terminal: names, messages and logs without control characters.

A terminal would obey them: hide lines, change its title, or write into its input.
"""

from vss.untrusted.messages import printable

_LAYOUT = "\n\t"


def neutralise(text: str) -> str:
    """Return a text of any number of lines with its control characters escaped."""
    if text.isprintable():
        return text
    lines = text.replace("\r\n", "\n")
    return "".join(letter if letter in _LAYOUT else printable(letter) for letter in lines)

"""The finding of a check."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How much a finding matters: a problem makes trials fail, a warning may."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True)
class Finding:
    """What a check saw.

    Attributes:
        subject: what was checked, as one word.
        level: how much it matters.
        text: what was seen, on one line.
        remedy: what to do about it; "" if the level is OK.
    """

    subject: str
    level: Level
    text: str
    remedy: str = ""

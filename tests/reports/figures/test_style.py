"""What all figures share."""

from reports.figures.style import shorten, spread_out


def test_long_names_lose_their_middle() -> None:
    assert shorten("a name that is long", 9) == "a na…long"
    assert shorten("short\nname", 20) == "short name"


def test_labels_are_spread_as_little_as_possible() -> None:
    assert spread_out([10, 50], 5, 0, 100) == [10, 50]
    assert spread_out([50, 50, 50], 10, 0, 100) == [40, 50, 60]
    assert spread_out([0, 0], 10, 0, 100) == [0, 10]

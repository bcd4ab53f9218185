"""What all figures share."""

from reports.figures.style import shortened, spread


def test_long_names_lose_their_middle() -> None:
    assert shortened("a name that is long", 9) == "a na…long"
    assert shortened("short\nname", 20) == "short name"


def test_labels_are_spread_as_little_as_possible() -> None:
    assert spread([10, 50], 5, 0, 100) == [10, 50]
    assert spread([50, 50, 50], 10, 0, 100) == [40, 50, 60]
    assert spread([0, 0], 10, 0, 100) == [0, 10]

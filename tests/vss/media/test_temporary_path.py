"""The name of an unfinished file."""

from pathlib import Path

from vss.media.temporary_path import temporary_path


def test_temporary_path_is_hidden_beside_the_final_path_and_has_its_extension() -> None:
    assert temporary_path(Path("videos/a.mp4")) == Path("videos/.a.unfinished.mp4")

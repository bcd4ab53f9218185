"""Datasets opened by their names."""

from pathlib import Path

import pytest

from vss.data.check.named_dataset import open_dataset
from vss.errors import UserError


def test_synthetic_dataset_opens_without_a_path() -> None:
    assert {frame.split for frame in open_dataset("synthetic", None).frames} == {
        "train", "val", "test",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "path", "culprit"),
    [
        ("camvit", None, "camvit"),
        ("camvid", None, "'camvid' needs the path of its folder: add it"),
        ("camvid", Path("/missing"), "/missing"),
        ("synthetic", Path("somewhere"), "somewhere"),
        (
            "folder",
            None,
            "'folder' needs the path of the YAML file that describes the data: add it",
        ),
        (
            "folder",
            Path("no.yaml"),
            "no file no.yaml: dataset 'folder' needs the path of the YAML file",
        ),
    ],
)
def test_wrong_name_or_path_is_reported(name: str, path: Path | None, culprit: str) -> None:
    with pytest.raises(UserError, match=culprit):
        open_dataset(name, path)

"""Descriptions of datasets that are damaged or hostile: read, or refused with one line."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given

from tests.examples import assert_loads_or_ends_in_one_line, examples
from tests.hostile import damaged, mutants
from tests.vss.data.custom.test_dataset import YAML
from vss.data.custom.description import DatasetDescription, read_description
from vss.errors import UserError
from vss.untrusted.yaml_text import read_yaml

KEYS = (tuple(DatasetDescription.model_fields), ("train", "val", "road"))


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hostile") / "mine.yaml"


@pytest.mark.slow
@examples(0.5)
@given(content=mutants([read_yaml(YAML)], KEYS))
def test_odd_description_ends_in_one_line(file: Path, content: object) -> None:
    file.write_text(yaml.safe_dump(content, allow_unicode=True), errors="replace")

    assert_loads_or_ends_in_one_line(lambda: read_description(file))


@pytest.mark.slow
@examples(0.5)
@given(content=damaged(YAML.encode()))
def test_damaged_description_ends_in_one_line(file: Path, content: bytes) -> None:
    file.write_bytes(content)

    assert_loads_or_ends_in_one_line(lambda: read_description(file))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('images: "', 'images: "/etc/', "must be relative to root"),
        ('images: "', 'images: "../', "contain neither .. nor"),
        ('images: "', 'images: "**/', "contain neither .. nor"),
        ('labels: "', 'labels: "{number:>999999999}', "a brace that is no part of a placeholder"),
        ("train: training", "train: ../../etc", "contain neither .. nor"),
        ("road:", '"a\\e[31m":', r"class 'a\\x1b\[31m': a name is printable"),
        ("128, 64, 128", "128, 64, 999", "'classes.road.2': must be at most 255"),
    ],
)
def test_pattern_or_name_that_could_do_harm_is_refused(
    file: Path, old: str, new: str, message: str
) -> None:
    file.write_text(YAML.replace(old, new))

    with pytest.raises(UserError, match=message):
        read_description(file)

"""JSON files that may be hostile."""

from pathlib import Path

import pytest

from vss.errors import UserError
from vss.untrusted.json_text import read_json, read_object


def test_content_is_returned(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"a": [1]}')

    assert read_json(tmp_path / "a.json", "file") == {"a": [1]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("secret", r"a.json is not valid JSON: Expecting value \(line 1, column 1\)"),
        ("[" * 100_000, "nested too deeply"),
        ("9" * 10_000, "a number that is too long"),
    ],
)
def test_problem_is_named_without_repeating_the_content(
    tmp_path: Path, text: str, message: str
) -> None:
    (tmp_path / "a.json").write_text(text)

    with pytest.raises(UserError, match=message) as error:
        read_json(tmp_path / "a.json", "file")

    assert "secret" not in str(error.value)


def test_object_is_required(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("[1]")

    with pytest.raises(UserError, match=r"file .*a.json is not a JSON object"):
        read_object(tmp_path / "a.json", "file")

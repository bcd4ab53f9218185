"""Regular files below a size limit."""

import os
from pathlib import Path

import pytest

from vss.errors import UserError
from vss.untrusted.limited_file import digest, read_bytes, read_text


def test_text_is_read_without_its_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"\xef\xbb\xbfa: \xc3\xa9")

    assert read_text(tmp_path / "a", "spec", 100) == "a: é"


def test_digest_is_that_of_the_content(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")

    assert digest(tmp_path / "a", "file", 100).startswith("sha256:ba7816bf")


def test_pipe_is_refused_without_waiting_for_a_writer(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(UserError, match="cannot read spec .*pipe: it is a pipe or device"):
        read_bytes(tmp_path / "pipe", "spec", 100)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/dev/zero", "cannot read spec /dev/zero: it is a pipe or device, not a regular file"),
        (".", "it is a folder"),
        ("missing", "No such file or directory"),
        ("a\0b", r"cannot read spec a\\x00b: it is no valid path"),
        ("x" * 5000, r"cannot read spec x+\.\.\.x+: File name too long"),
        ("/proc/self/cmdline/x", "Not a directory"),
    ],
)
def test_what_is_no_readable_file_is_named_with_the_reason(path: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_bytes(Path(path), "spec", 100)


def test_large_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(2**40)

    with pytest.raises(UserError, match="weights .*sparse is larger than 4 GiB, the limit"):
        read_bytes(tmp_path / "sparse", "weights", 4 * 2**30)


def test_file_without_a_size_is_read_up_to_the_limit() -> None:
    with pytest.raises(UserError, match="is larger than"):
        read_bytes(Path("/proc/self/maps"), "spec", 10)


def test_bytes_that_are_not_utf8_are_not_repeated(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"secret\xff")

    with pytest.raises(UserError, match="is not UTF-8 text: invalid start byte") as error:
        read_text(tmp_path / "a", "spec", 100)

    assert "secret" not in str(error.value)

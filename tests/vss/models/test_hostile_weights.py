"""Weight files that are damaged or hostile: read, or refused with one line."""

import zipfile
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save

from tests.examples import assert_loads_or_ends_in_one_line, assert_one_short_line, examples
from tests.hostile import damaged
from vss.errors import UserError
from vss.models.weights import check_fits, read_state

MODEL = torch.nn.Linear(3, 2)


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """Return weights in both formats."""
    file = tmp_path_factory.mktemp("weights") / "a.pth"
    torch.save(MODEL.state_dict(), file)
    return [file.read_bytes(), save(MODEL.state_dict())]


@pytest.mark.slow
@examples()
@given(data=st.data())
def test_damaged_weights_end_in_one_line(
    originals: list[bytes], tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    file = tmp_path_factory.getbasetemp() / "damaged.weights"
    file.write_bytes(data.draw(st.sampled_from(originals).flatmap(damaged)))

    assert_loads_or_ends_in_one_line(lambda: check_fits(MODEL, read_state(file), str(file)))


def test_format_is_told_by_the_content_as_stored_files_have_no_suffix(
    originals: list[bytes], tmp_path: Path
) -> None:
    for content in originals:
        (tmp_path / "0123abcd").write_bytes(content)

        check_fits(MODEL, read_state(tmp_path / "0123abcd"), "weights")


def test_archive_that_unpacks_to_terabytes_is_refused_unread(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bomb.pth", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/data.pkl", b"x" * 10**6)
    content = (tmp_path / "bomb.pth").read_bytes()
    size = (10**6).to_bytes(4, "little")
    (tmp_path / "bomb.pth").write_bytes(content.replace(size, b"\xfe\xff\xff\xff"))

    with pytest.raises(UserError) as error:
        read_state(tmp_path / "bomb.pth")

    assert_one_short_line(str(error.value))

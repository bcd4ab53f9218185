"""What a file of weights begins with."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from vss.errors import UserError
from vss.untrusted.weights_file import check_weights, digest_weights


def test_both_formats_are_recognised(tmp_path: Path) -> None:
    save_file({"a": torch.zeros(1)}, tmp_path / "a.safetensors")
    torch.save({"a": torch.zeros(1)}, tmp_path / "a.pth")

    check_weights(tmp_path / "a.safetensors")
    check_weights(tmp_path / "a.pth")


@pytest.mark.parametrize("content", [b"", b"root:x:0:0", b"\x80\x02}q\0.", b"\xff" * 8 + b"{"])
def test_anything_else_is_refused_without_repeating_it(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.pth").write_bytes(content)

    with pytest.raises(UserError, match="neither safetensors nor a PyTorch archive") as error:
        digest_weights(tmp_path / "a.pth")

    assert "root:" not in str(error.value)

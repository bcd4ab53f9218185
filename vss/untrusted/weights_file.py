"""What a file of weights begins with: enough to tell a wrong file without torch."""

from pathlib import Path

from vss.errors import UserError
from vss.untrusted.limited_file import digest, name_of, open_limited

LIMIT = 4 * 2**30  # bytes; ResNet-101 with any head takes 0.5 GiB
_LONGEST_HEADER = 100_000_000  # bytes, as in the safetensors library
_ZIP = b"PK\x03\x04"


def digest_weights(path: Path) -> str:
    """Return the hash by which trials refer to weights, after a look at what they begin with.

    Raises:
        UserError: as `check_weights`.
    """
    check_weights(path)
    return digest(path, "weights", LIMIT)


def check_weights(path: Path) -> None:
    """Check that a file begins as safetensors, or as what torch.save writes since PyTorch 1.6.

    Raises:
        UserError: if it does not, or cannot be read; nothing of its content is repeated.
    """
    with open_limited(path, "weights", LIMIT) as file:
        start = file.read(9)
    if not (is_safetensors(start) or start.startswith(_ZIP)):
        raise UserError(
            f"weights {name_of(path)} are neither safetensors nor a PyTorch archive: convert an "
            "older file with vss-orch import-weights"
        )


def is_safetensors(start: bytes) -> bool:
    """Return whether the first 9 bytes of a file are those of safetensors."""
    length = int.from_bytes(start[:8], "little")
    return len(start) >= 9 and start[8:9] == b"{" and 2 <= length <= _LONGEST_HEADER

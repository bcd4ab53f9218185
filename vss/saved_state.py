"""The state of a training as a file, which may come from elsewhere: nothing in it is executed.

PyTorch is imported where it is used: drivers know the files of a trial, and do without it.
"""

import io
import warnings
import zipfile
from pathlib import Path
from typing import Any

from vss.untrusted.archive import check_archive
from vss.untrusted.messages import one_line

_LARGEST_STATE = 32 * 2**30  # bytes


def serialise(state: dict[str, Any]) -> bytes:
    """Return the content of a file with a state."""
    import torch

    buffer = io.BytesIO()  # if its file cannot be written, torch.save raises no OSError
    torch.save(state, buffer)
    return buffer.getvalue()


def read_state(path: Path) -> dict[str, Any]:
    """Read a state.

    Raises:
        Exception: if the file is damaged; it can raise anything.
    """
    import torch

    check_archive(path, _LARGEST_STATE)
    with zipfile.ZipFile(path) as archive:
        damaged_entry = archive.testzip()  # torch.load does not verify every checksum
    if damaged_entry is not None:
        raise ValueError(f"{damaged_entry} has the wrong checksum")
    state = torch.load(path, map_location="cpu", weights_only=True)
    if not isinstance(state, dict):
        raise ValueError("it contains something else")
    return state


def load_stopped_state(path: Path) -> dict[str, Any] | None:
    """Load the state in which another trial has stopped; None if it is missing or damaged."""
    if not path.is_file():
        return None
    try:
        return read_state(path)
    except Exception as error:  # a damaged file can raise anything
        reason = one_line(str(error), 150)
        warnings.warn(f"{path} is unreadable ({reason}): training begins anew", stacklevel=2)
        return None

"""Processes that a test started, read from /proc."""

from pathlib import Path


def descendants(pid: int, text: str = "") -> list[int]:
    """Return all descendants of a process whose command line contains `text`."""
    pids = []
    for child in _children(pid):
        if text in _command_line(child):
            pids.append(child)
        pids += descendants(child, text)
    return pids


def _children(pid: int) -> list[int]:
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        return [int(c) for task in tasks for c in (task / "children").read_text().split()]
    except OSError:
        return []  # the process has exited in the meantime


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""

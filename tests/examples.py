"""The number of examples that property-based tests try: 200, or VSS_EXAMPLES.

They are the same in every run; with VSS_NEW_EXAMPLES, each run tries others, and a failure prints
how to repeat it.
"""

import os
import resource
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from hypothesis import HealthCheck, settings

from vss.errors import UserError

_EXAMPLES = int(os.environ.get("VSS_EXAMPLES", "200"))
_ARE_NEW = bool(os.environ.get("VSS_NEW_EXAMPLES"))
# Reading takes at most 2 s of processor time on a quiet machine. Beside other work, the same
# instructions have taken twice as long, and a test must not tell how busy a machine is.
_SECONDS, _MEBIBYTES, _LONGEST_LINE = 10.0, 200, 300


def examples(share: float = 1.0) -> settings:
    """Return the settings of a test that tries a share of the examples."""
    return settings(
        max_examples=max(1, round(share * _EXAMPLES)),
        derandomize=not _ARE_NEW,
        database=None,
        deadline=None,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )


@contextmanager
def bounded() -> Iterator[None]:
    """Fail if the block takes more than 10 s of processor time or 200 MiB, or hangs."""

    def fail(number: int, frame: FrameType | None) -> None:
        raise AssertionError("it hangs")

    previous_handler = signal.signal(signal.SIGALRM, fail)
    signal.alarm(60)  # of a machine that others use too
    started, memory = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, previous_handler)
    seconds = time.process_time() - started
    growth = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory) / 1024
    assert seconds <= _SECONDS, f"it takes {seconds:.1f} s"
    assert growth <= _MEBIBYTES, f"it takes {growth:.0f} MiB"


def assert_loads_or_ends_in_one_line(read: Callable[[], object]) -> None:
    """Assert that reading something hostile returns, or raises a UserError of one short line."""
    with bounded():
        try:
            read()
        except UserError as error:
            assert_one_short_line(str(error))


def assert_one_short_line(text: str) -> None:
    """Assert that a message is one line of at most 300 printable characters."""
    assert text
    assert text.isprintable(), repr(text)
    assert len(text) <= _LONGEST_LINE, f"{len(text)} characters: {text}"

"""The watch over Ray itself: a submit must end, with one line, if Ray has died."""

import os
import socket
import sys
import threading
import time
from collections.abc import Mapping

from vss.errors import UserError

_PROBE_SECONDS = 2.0
_MOST_FAILURES = 4  # in a row; a head may be restarted
_LAST_SECONDS = 10.0  # for the main thread to notice


class RayDiedError(UserError):
    """Raised when Ray's head, or the raylet of this machine, does not answer any more."""


class Watch:
    """A thread that connects to Ray's processes every other second.

    Ray itself tries for a minute, in which its calls block, and then ends the process.

    Args:
        processes: what to connect to: a name for the message -> host:port.
    """

    def __init__(self, processes: Mapping[str, str]) -> None:
        self._processes = processes
        self._failures = dict.fromkeys(processes, 0)
        self._error: RayDiedError | None = None
        self._was_noticed = threading.Event()
        self._stop_requested = threading.Event()
        threading.Thread(target=self._probe_until_stopped, daemon=True).start()

    def check(self, is_suspicious: bool = False) -> None:
        """Check that all processes answer.

        Args:
            is_suspicious: whether something has just gone wrong; then a process that does not
                answer is waited for until it counts as dead.

        Raises:
            RayDiedError: naming the one that does not.
        """
        while is_suspicious and self._error is None and not self._all_answer():
            time.sleep(_PROBE_SECONDS / 4)
        if self._error is not None:
            self._was_noticed.set()
            raise self._error

    @property
    def has_failed(self) -> bool:
        """Whether a process does not answer any more."""
        return self._error is not None

    def stop(self) -> None:
        """End the watch."""
        self._stop_requested.set()

    def _probe_until_stopped(self) -> None:
        while self._error is None and not self._stop_requested.wait(_PROBE_SECONDS):
            for name, address in self._processes.items():
                self._probe(name, address)
        if self._error is None or self._was_noticed.wait(_LAST_SECONDS):
            return
        if not self._stop_requested.is_set():  # the main thread hangs in a call to Ray
            print(f"error: {self._error}", file=sys.stderr, flush=True)
            os._exit(2)

    def _all_answer(self) -> bool:
        return all(_connect(address) is None for address in self._processes.values())

    def _probe(self, name: str, address: str) -> None:
        error = _connect(address)
        self._failures[name] = 0 if error is None else self._failures[name] + 1
        if error is not None and self._failures[name] >= _MOST_FAILURES:
            reason = (error.strerror or str(error)).lower()
            self._error = RayDiedError(
                f"{name} has died ({address}: {reason}); trials keep their checkpoints: run "
                "the same command again to resume"
            )


def _connect(address: str) -> OSError | None:
    """Connect to a process; return the error if it does not answer."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=_PROBE_SECONDS).close()
    except OSError as error:
        return error
    return None

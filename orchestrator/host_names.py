"""Host names, looked up for a limited time: by itself, a silent name server may take minutes."""

import ipaddress
import socket
import threading
import time
from contextlib import suppress

LONGEST_SECONDS = 10.0


class _LookUp:
    """One look-up, in a thread that nobody can interrupt, and that no exit waits for."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._started_at = time.monotonic()
        self._error: OSError | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def is_over(self) -> bool:
        """Whether the name server has answered."""
        return not self._thread.is_alive()

    def wait(self) -> None:
        """Wait for the answer, until the look-up has taken too long."""
        left = self._started_at + LONGEST_SECONDS - time.monotonic()
        self._thread.join(max(0.0, left))
        if not self.is_over:
            raise TimeoutError(
                f"no name server has answered for '{self._host}' within {LONGEST_SECONDS:g} s"
            )
        if self._error is not None:
            reason = self._error.strerror or self._error
            raise OSError(f"the name '{self._host}' cannot be resolved: {reason}")

    def _run(self) -> None:
        try:
            socket.getaddrinfo(self._host, None)
        except OSError as error:
            self._error = error
        except UnicodeError:  # of a label that is empty or too long
            self._error = OSError("it is no valid name")


_look_ups: dict[str, _LookUp] = {}
_lock = threading.Lock()


def look_up(host: str | None) -> None:
    """Check that the name of a host can be resolved, before a client tries it without a limit.

    One that no name server has answered is given up at once the next time.

    Args:
        host: the name or the address of a host; None for none.

    Raises:
        OSError: if it cannot, or a name server takes too long.
    """
    if not host or host.startswith("/"):  # the folder of a socket
        return
    with suppress(ValueError):
        ipaddress.ip_address(host.strip("[]"))
        return
    with _lock:
        if host not in _look_ups or _look_ups[host].is_over:
            _look_ups[host] = _LookUp(host)
        pending = _look_ups[host]
    pending.wait()

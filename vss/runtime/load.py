"""How busy other processes keep this machine, while something is being timed."""

import os
import time
from pathlib import Path

_STAT = Path("/proc/stat")
_IDLE_COLUMNS = (3, 4)  # idle and iowait
_LAST_COLUMN = 8  # the columns after it are already part of others


class OtherLoad:
    """The load by other processes since this object was made."""

    def __init__(self) -> None:
        self._start = _read_seconds()

    def measure(self) -> float | None:
        """Return how many processors others kept busy on average; None where Linux cannot tell."""
        end = _read_seconds()
        if self._start is None or end is None:
            return None
        wall, busy, own = (now - before for now, before in zip(end, self._start, strict=True))
        return round(max(0.0, (busy - own) / wall), 2) if wall > 0 else None


def _read_seconds() -> tuple[float, float, float] | None:
    """Return the time, and the processor seconds of all processes and of this one."""
    try:
        columns = _STAT.read_text().split("\n", 1)[0].split()[1 : 1 + _LAST_COLUMN]
        ticks = [int(column) for column in columns]
    except (OSError, ValueError):
        return None
    busy = sum(ticks) - sum(ticks[column] for column in _IDLE_COLUMNS)
    return time.monotonic(), busy / os.sysconf("SC_CLK_TCK"), time.process_time()

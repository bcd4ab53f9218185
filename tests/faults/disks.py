"""The faults of a round that strike its storage: full, read-only, damaged."""

import os
import random
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tests.faults.injection import Fault, kill_driver
from tests.faults.round import Round

_OUTAGE_SECONDS = (3.0, 15.0)


def _truncate(file: Path, rng: random.Random) -> None:
    os.truncate(file, rng.randrange(max(1, file.stat().st_size)))


def _flip_bytes(file: Path, rng: random.Random) -> None:
    content = bytearray(file.read_bytes())
    for _ in range(16):
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    file.write_bytes(content)


def _damage_checkpoints(damage: Callable[[Path, random.Random], None]) -> Callable[[Round], None]:
    """Return a fault that kills the driver and damages all checkpoints."""

    def strike(study: Round) -> None:
        kill_driver(study)
        study.wait_until_quiet()
        for file in sorted(study.storage.glob("*/resume.pt")):
            damage(file, study.rng)

    return strike


def fill_disk(study: Round) -> None:
    """Fill the storage to the last byte, and make room again."""
    ballast = study.storage / ".ballast"
    with suppress(OSError), ballast.open("wb", buffering=0) as file:
        while file.write(b"\0" * 2**16):
            pass
    time.sleep(study.rng.uniform(*_OUTAGE_SECONDS))
    ballast.unlink()


def forbid_writing(study: Round) -> None:
    """Lay a read-only view of the storage over it, and take it away again."""
    storage = str(study.storage)
    subprocess.run(["mount", "--bind", storage, storage], check=True)
    subprocess.run(["mount", "-o", "remount,bind,ro", storage], check=True)
    time.sleep(study.rng.uniform(*_OUTAGE_SECONDS))
    subprocess.run(["umount", "--lazy", storage], check=True)


# On two nodes, the storage is a small disk of its own.
DISK_FAULTS = {
    "truncated checkpoints": Fault(_damage_checkpoints(_truncate)),
    "flipped bytes in checkpoints": Fault(_damage_checkpoints(_flip_bytes)),
    "full disk": Fault(fill_disk, needs_nobody=True, needs_nodes=True),
    "read-only storage": Fault(forbid_writing, needs_nobody=True, needs_nodes=True),
}

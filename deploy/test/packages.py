"""Debian's packages for the deployments: `python -m deploy.test.packages slurm` installs them.

It ends with an error where they cannot be installed, so that a script can skip the test by name.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Needs:
    """What a test needs: programs, and the packages that bring them.

    Those of a PostgreSQL server are left to the user: the package would start one.
    """

    programs: Sequence[str]
    packages: Sequence[str]


NEEDS = {
    "compose": Needs(
        programs=("dockerd", "docker-compose", "debootstrap", "iptables", "ip"),
        packages=("docker.io", "docker-compose", "debootstrap", "iptables", "iproute2"),
    ),
    "slurm": Needs(
        programs=("slurmctld", "slurmd", "munged", "ip", "iptables", "pg_ctl"),
        packages=("slurm-wlm", "munge", "iproute2", "iptables"),
    ),
}


def install(test: str) -> None:
    """Install what a test lacks.

    Raises:
        SystemExit: if this is not Debian, the user is not root, or the packages cannot be had.
    """
    needs = NEEDS[test]
    if not list_missing(needs):
        return
    names = ", ".join(needs.packages)
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise SystemExit(f"{test}-test needs root on Debian, where it installs {names}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "--no-install-recommends", *needs.packages]):
        apt = subprocess.run(
            ["apt-get", "-qq", "--yes", *command], env=environment, capture_output=True, text=True
        )
        if apt.returncode != 0:
            reason = (apt.stderr.strip().splitlines() or ["apt-get has failed"])[-1]
            raise SystemExit(f"{test}-test lacks {names}: {reason}")
    if missing := list_missing(needs):
        raise SystemExit(f"{test}-test lacks {', '.join(missing)}")


def list_missing(needs: Needs) -> list[str]:
    """Return the programs that are not installed."""
    return [program for program in needs.programs if not _find(program)]


def _find(program: str) -> bool:
    """Return whether a program is installed; those of PostgreSQL's server are not on PATH."""
    is_on_path = shutil.which(program) is not None
    return is_on_path or any(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"))


if __name__ == "__main__":
    install(sys.argv[1])

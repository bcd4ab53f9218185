"""One round of real faults: its study, and the submits that run it."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.conftest import TINY_SPEC
from tests.faults.nodes import HEAD, find_processes
from tests.faults.services import Services

NAME = "tiny"
TRIALS = 8
_SPEC = TINY_SPEC.replace(
    "seeds: [0, 1]",
    "seeds: [0, 1, 2, 3]\nresources: {cpus: 1, retries: 20}\nmeasure_latency: false",
)
_SPEC = _SPEC.replace("steps: 4", "steps: 24").replace("eval_every: 2", "eval_every: 8")
_DISK_MEBIBYTES = 64
# All of them only against hanging: a busy machine is ten times as slow.
_END_SECONDS = 600.0  # of one submit
RECOVERY_BOUND_SECONDS = 600.0
_QUIET_SECONDS = 60.0  # after which nothing of a round may run any more


class Round:
    """A study, and the submits that run it.

    Args:
        services: the services of the campaign.
        folder: an empty folder.
        rng: decides what is left to chance.
        variables: environment variables of Ray's processes.
    """

    def __init__(
        self, services: Services, folder: Path, rng: random.Random, variables: Mapping[str, str]
    ) -> None:
        self.services, self.folder, self.rng = services, folder, rng
        self.home = folder / "home"
        self.storage = self.home / "trials"
        self.storage.mkdir(parents=True)
        self._stack = ExitStack()
        if services.nodes is not None:
            self._mount_storage()
        self.commands: list[subprocess.Popen[bytes]] = []
        self.most_submits = 4
        self.faults = 0
        self.strikes: list[str] = []  # of a storm
        self.recovery_seconds: float | None = None
        self._variables = variables
        self._recovery: threading.Thread | None = None
        self._timing = threading.Event()
        self._spec = folder / "spec.yaml"
        self._spec.write_text(_SPEC)
        self.ledger_url = services.new_ledger(self.home)
        self.environment = services.environment(self.home) | {"VSS_LEDGER_URL": self.ledger_url}
        self.environment |= variables  # the driver's messages get lost too
        services.delete_runs()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for command in self.commands:
            if command.poll() is None:
                command.kill()
                command.wait()
        self._stack.close()

    def _mount_storage(self) -> None:
        """Give the study a small disk of its own, which can be filled."""
        size = f"size={_DISK_MEBIBYTES}m"
        subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", self.storage], check=True)
        unmount = ["umount", "--lazy", str(self.storage)]
        self._stack.callback(lambda: subprocess.run(unmount, check=True))

    @property
    def driver(self) -> subprocess.Popen[bytes]:
        return self.commands[-1]

    def outputs(self) -> list[str]:
        files = sorted(self.folder.glob("output-*.txt"))
        return [file.read_text(errors="replace") for file in files]

    def submit(self) -> None:
        """Submit as a user would, who has looked after the cluster before."""
        if self.services.nodes is not None:
            self.services.nodes.prepare(self._variables)
        self.commands.append(self.start(self._spec, f"output-{len(self.commands)}.txt"))

    def start(self, spec: Path, output_name: str) -> subprocess.Popen[bytes]:
        """Start a submit of a spec."""
        command = [sys.executable, "-m", "tests.faults.command", "submit", str(spec)]
        if (nodes := self.services.nodes) is not None:
            command = nodes.command(HEAD, [*command, "--address", nodes.address])
        with (self.folder / output_name).open("wb") as file:
            return subprocess.Popen(
                command,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait_for_progress(self) -> None:
        """Wait until some random number of trials has begun, and a moment longer."""
        count = self.rng.randint(1, TRIALS - 1)
        deadline = time.monotonic() + _END_SECONDS
        while len(list(self.storage.glob("*/config.json"))) < count:
            assert time.monotonic() < deadline, f"no trial begins: {self.outputs()}"
            if self.driver.poll() is not None:
                return
            time.sleep(0.2)
        time.sleep(self.rng.uniform(0, 1))

    def wait_for_writes(self, since: float) -> None:
        """Wait until a trial has written something since a time, or the submit has ended."""
        deadline = time.monotonic() + _END_SECONDS
        while time.monotonic() < deadline and self.driver.poll() is None:
            if any(_last_write(folder) > since for folder in self.storage.glob("*")):
                return
            time.sleep(0.2)

    def wait(self, seconds: float) -> None:
        """Wait for a while, or until the newest submit has ended."""
        with suppress(subprocess.TimeoutExpired):
            self.driver.wait(seconds)

    def note_fault(self) -> None:
        """Note a fault: from here on, the round counts the seconds until all trials go on.

        If the study has to be submitted again, they count from there: until then, nothing but the
        user is waited for.
        """
        self.faults += 1
        self._begin_timing()

    def _begin_timing(self) -> None:
        """Begin to time the recovery, from now on."""
        self._end_timing()
        self._timing = threading.Event()
        self._recovery = threading.Thread(target=self._time_recovery, args=[self._timing])
        self._recovery.start()

    def _end_timing(self) -> None:
        if self._recovery is not None:
            self._timing.set()
            self._recovery.join()

    def _time_recovery(self, is_void: threading.Event) -> None:
        """Measure the seconds until every trial that ran has written something again."""
        start, clock, waiting = time.time(), time.monotonic(), self._begun_trials()
        while waiting and time.monotonic() - clock < RECOVERY_BOUND_SECONDS:
            if is_void.wait(0.2):
                return
            waiting = {folder for folder in waiting if _last_write(folder) <= start}
        self.recovery_seconds = round(time.monotonic() - clock, 1)

    def _begun_trials(self) -> set[Path]:
        """Return the directories of trials that have begun and not ended."""
        return {f.parent for f in self.storage.glob("*/config.json") if not _is_over(f)}

    def finish(self) -> None:
        """Wait for the end of the study; submit it again where a user would have to."""
        while self._wait() != 0 and len(self.commands) < self.most_submits:
            self.submit()
            if self._recovery is not None:
                self._begin_timing()
        if self._recovery is not None:
            self._recovery.join()

    def _wait(self) -> int:
        try:
            return self.driver.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self.driver.kill()
            return self.driver.wait()

    def processes(self) -> dict[int, str]:
        """Return the processes of the study, and those of its trials."""
        own = find_processes(f"VSS_HOME={self.home}")
        nodes = self.services.nodes
        return own | (nodes.trial_processes() if nodes else {})

    def wait_until_quiet(self) -> dict[int, str]:
        """Wait until no process of the study is left; return those that stay, and end them."""
        deadline = time.monotonic() + _QUIET_SECONDS
        while (left := self.processes()) and time.monotonic() < deadline:
            time.sleep(0.5)
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return left


def _is_over(config: Path) -> bool:
    return (config.parent / "result.json").exists()


def _last_write(folder: Path) -> float:
    """Return the time of the last write into a trial directory."""
    times = [folder.stat().st_mtime] if folder.exists() else [0.0]
    for file in folder.glob("*"):
        with suppress(FileNotFoundError):
            times.append(file.stat().st_mtime)
    return max(times)

"""Ray's Jobs API: programs that run on a cluster without a user's terminal."""

import logging
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.execution.cluster.connection import prepare_environment, silence
from orchestrator.execution.cluster.protection import check_host, check_protected
from vss.errors import UserError

_NO_AGENT = "No available agent"  # what a head says that has just been started
_AGENT_SECONDS = 45.0


@dataclass(frozen=True)
class JobState:
    """How far a job has got.

    Attributes:
        has_started: whether its program runs, or has run.
        has_ended: whether its program has ended.
        has_failed: whether it ended with another exit code than 0, or was stopped.
        message: Ray's remark, for example why it has not started yet.
    """

    has_started: bool
    has_ended: bool
    has_failed: bool
    message: str


class Jobs:
    """The jobs of a cluster.

    Args:
        address: http://host:port of its dashboard, or host:port of the cluster.
        is_insecure: whether it may do without a token.

    Raises:
        UserError: if it does not answer, refuses the token, or is open to others.
    """

    def __init__(self, address: str, is_insecure: bool = False) -> None:
        check_host(address)
        if not is_insecure:
            check_protected(address)
        prepare_environment(address)
        from ray.job_submission import JobSubmissionClient

        silence()
        logging.getLogger("ray.dashboard.modules.dashboard_sdk").setLevel(logging.ERROR)
        os.environ["RAY_ADDRESS"] = address  # the client would prefer another one to its argument
        try:
            self._client: Any = JobSubmissionClient(address)
        except (ConnectionError, RuntimeError, ValueError) as error:
            reason = str(error).strip().splitlines()[0]
            raise UserError(
                f"the Ray cluster at '{address}' takes no jobs: {reason}; check --address and "
                "RAY_ADDRESS; if it needs a token, set RAY_AUTH_TOKEN_PATH to the token's file"
            ) from None

    @property
    def url(self) -> str:
        """The address of the dashboard."""
        return str(self._client.get_address())

    def start(
        self,
        job: str,
        entrypoint: str,
        packages: Sequence[Path] = (),
        variables: Mapping[str, str] | None = None,
    ) -> None:
        """Start a job.

        Args:
            job: its id, which no other job of the cluster may have had.
            entrypoint: the command to run.
            packages: folders of Python packages to copy to the nodes. (A working directory would be
                unpacked again by each node, also where two of them share a machine.)
            variables: variables for it and its workers; everyone can read them in the dashboard.

        Raises:
            UserError: if the cluster refuses it.
        """
        environment: dict[str, Any] = {"env_vars": dict(variables or {})}
        if packages:
            environment["py_modules"] = [str(package) for package in packages]
        arguments = {"submission_id": job, "entrypoint": entrypoint, "runtime_env": environment}
        deadline = time.monotonic() + _AGENT_SECONDS
        while True:
            try:
                self._client.submit_job(**arguments)
                return
            except (RuntimeError, ValueError) as error:
                reason = str(error).strip().splitlines()[-1]
                if _NO_AGENT not in reason or time.monotonic() > deadline:
                    raise UserError(f"the Ray cluster refuses job {job}: {reason}") from None
                time.sleep(1)

    def state(self, job: str) -> JobState:
        """Return how far a job has got."""
        info = self._client.get_job_info(job)
        has_ended = info.status.is_terminal()
        return JobState(
            has_started=info.status != "PENDING",
            has_ended=has_ended,
            has_failed=has_ended and info.status != "SUCCEEDED",
            message=info.message or "",
        )

    def read_log(self, job: str) -> str:
        """Return what a job has printed."""
        return str(self._client.get_job_logs(job))

    def stop(self, job: str) -> None:
        """Stop a job, also one that has not started."""
        self._client.stop_job(job)

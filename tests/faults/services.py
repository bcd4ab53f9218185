"""The services of a campaign: PostgreSQL, an MLflow server and the nodes, shared by its rounds."""

import os
import shutil
import tempfile
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from orchestrator.tracking.tracker import Tracker
from tests.faults.nodes import Nodes, explain_missing_means
from tests.orchestrator.conftest import PostgresServer
from tests.orchestrator.execution.waiting.test_mlflow_outage import Server
from tests.orchestrator.ledger.conftest import new_postgres_database

_SHARED = Path(os.environ.get("VSS_FAULTS_CACHE", "/tmp/vss-faults-cache"))


class Services:
    """The services; where networks cannot be made, studies run on a Ray of their own.

    Args:
        folder: an empty folder with a short path.
        on_two_nodes: whether to make two nodes, which needs root.
    """

    def __init__(self, folder: Path, on_two_nodes: bool) -> None:
        self.folder = folder
        self.nodes = Nodes(folder, _SHARED / "frames") if on_two_nodes else None
        host = self.nodes.home_address if self.nodes else "127.0.0.1"
        store = folder / "mlflow.db"
        store.write_bytes(_empty_store().read_bytes())
        self.mlflow = Server(f"sqlite:///{store}", folder / "artifacts", host)
        self.postgres: PostgresServer | None = None
        with suppress(pytest.skip.Exception):
            self.postgres = PostgresServer(host)
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            if self.nodes is not None:
                stack.enter_context(self.nodes)
            if self.postgres is not None:
                stack.callback(shutil.rmtree, self.postgres.folder, ignore_errors=True)
                self.postgres.start()
                stack.callback(self.postgres.stop)
            self.mlflow.start()
            stack.callback(self.mlflow.kill)
            self.mlflow.wait()
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    @property
    def kind(self) -> str:
        """What the studies run on."""
        ray = "2 nodes" if self.nodes else "1 node"
        return f"{ray}, {'PostgreSQL' if self.postgres else 'SQLite'}"

    def count_lost_messages(self) -> int:
        """Return how many messages Ray has lost on purpose; it says so on nodes of ours only."""
        return self.nodes.count_lost_messages() if self.nodes else 0

    def new_ledger(self, home: Path) -> str:
        """Return the address of an empty ledger."""
        if self.postgres is None:
            return f"sqlite:///{home / 'ledger.db'}"
        return new_postgres_database(self.postgres.url)

    def all_runs(self) -> list[Run]:
        """Return all runs that MLflow has."""
        client = MlflowClient(tracking_uri=self.mlflow.url)
        ids = [experiment.experiment_id for experiment in client.search_experiments()]
        return list(client.search_runs(ids, max_results=1000))

    def delete_runs(self) -> None:
        """Delete the runs of the round before."""
        client = MlflowClient(tracking_uri=self.mlflow.url)
        for run in self.all_runs():
            client.delete_run(run.info.run_id)

    def environment(self, home: Path) -> dict[str, str]:
        """Return the environment of a user whose home is empty."""
        return {
            **os.environ,
            **(self.nodes.login if self.nodes else {}),
            "VSS_HOME": str(home),
            "VSS_STORAGE": str(home / "trials"),
            "VSS_CACHE": str(_SHARED / "frames"),
            "MLFLOW_TRACKING_URI": self.mlflow.url,
            "COLUMNS": "150",
        }


def can_make_nodes() -> bool:
    """Return whether two nodes can be made here; says why not."""
    reason = explain_missing_means()
    if reason is not None:
        print(f"no second node: {reason}", flush=True)
    return reason is None


def _empty_store() -> Path:
    """Return an MLflow store whose tables exist; making them takes seconds."""
    _SHARED.mkdir(exist_ok=True)
    template = _SHARED / "mlflow.db"
    if not template.exists():
        with tempfile.TemporaryDirectory(dir=_SHARED) as folder:
            Tracker(f"sqlite:///{folder}/mlflow.db", Path(folder) / "unused")
            (Path(folder) / "mlflow.db").rename(template)
    return template

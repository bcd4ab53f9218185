"""A Ray instance on this machine, started once."""

from collections.abc import Iterator

import pytest

from orchestrator.execution.cluster.connection import Connection, connect, disconnect


@pytest.fixture(scope="package")
def connection() -> Iterator[Connection]:
    connection = connect(None)
    yield connection
    disconnect(connection.watch)

"""The distribution of tests to workers."""

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("xdist")

from tests.scheduling import GROUPS, QUEUED, GroupScheduler

ROOT = Path(__file__).parent.parent


def scope(nodeid: str) -> str:
    return GroupScheduler._split_scope(None, nodeid)  # type: ignore[arg-type]


def test_files_that_form_a_group_exist() -> None:
    paths = [group for group in GROUPS if group.endswith(".py")]

    assert paths
    assert [path for path in paths if not (ROOT / path).is_file()] == []


def test_tests_that_share_a_server_have_the_same_scope() -> None:
    claims, entries = (
        f"tests/orchestrator/ledger/test_{name}.py::test_a[postgresql]" for name in ("a", "b")
    )

    assert scope(claims) == scope(entries)


def test_all_other_tests_have_separate_scopes() -> None:
    first, second = (f"tests/vss/test_catalog.py::test_{name}" for name in ("a", "b"))

    assert scope(first) != scope(second)


class FakeWorker:
    """A worker that remembers the tests that it is sent."""

    shutting_down = False

    def __init__(self) -> None:
        self.tests: list[int] = []

    def send_runtest_some(self, indices: list[int]) -> None:
        self.tests += indices

    def shutdown(self) -> None:
        self.shutting_down = True


@pytest.fixture
def scheduler(pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch) -> GroupScheduler:
    """Return a scheduler that has 30 tests and has sent the first ones to a single worker."""
    monkeypatch.setattr(pytestconfig.option, "tx", ["popen"])
    monkeypatch.setattr(pytestconfig.option, "loadscopereorder", True)
    worker: Any = FakeWorker()
    scheduler = GroupScheduler(pytestconfig)
    scheduler.add_node(worker)
    scheduler.add_node_collection(worker, [f"test_{n}" for n in range(30)])
    scheduler.schedule()
    return scheduler


def test_worker_has_tests_in_reserve_and_gets_each_one_once(scheduler: GroupScheduler) -> None:
    (worker,) = scheduler.nodes
    reserves = [len(worker.tests)]

    for done in range(30):
        scheduler.mark_test_complete(worker, done)
        reserves.append(len(worker.tests) - done - 1)

    assert worker.tests == list(range(30))
    assert reserves[:21] == [QUEUED] * 21
    assert worker.shutting_down
    assert scheduler.tests_finished


def test_complete_tests_are_forgotten(scheduler: GroupScheduler) -> None:
    """The remaining ones are counted after every test."""
    (worker,) = scheduler.nodes

    scheduler.mark_test_complete(worker, 0)

    assert "test_0" not in scheduler.assigned_work[worker]
    assert "test_1" in scheduler.assigned_work[worker]


def test_tests_of_a_worker_that_dies_are_sent_to_another_one(scheduler: GroupScheduler) -> None:
    (worker,) = scheduler.nodes
    successor: Any = FakeWorker()
    scheduler.mark_test_complete(worker, 0)

    crashed = scheduler.remove_node(worker)
    scheduler.add_node(successor)
    scheduler.add_node_collection(successor, [f"test_{n}" for n in range(30)])
    scheduler.schedule()

    assert crashed == "test_1"
    assert successor.tests[0] in range(2, 30)

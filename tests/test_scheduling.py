"""The distribution of tests to workers."""

from pathlib import Path

import pytest

pytest.importorskip("xdist")

from tests.scheduling import GROUPS, GroupScheduler

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

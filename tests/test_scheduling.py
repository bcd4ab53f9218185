"""How tests are dealt out to workers."""

from pathlib import Path

import pytest

pytest.importorskip("xdist")

from tests.scheduling import TOGETHER, Scheduling

ROOT = Path(__file__).parent.parent


def scope(nodeid: str) -> str:
    return Scheduling._split_scope(None, nodeid)  # type: ignore[arg-type]


def test_files_that_stay_together_exist() -> None:
    paths = [group for group in TOGETHER if group.endswith(".py")]

    assert paths
    assert [path for path in paths if not (ROOT / path).is_file()] == []


def test_tests_that_share_a_server_have_one_scope() -> None:
    claims, entries = (
        f"tests/orchestrator/ledger/test_{name}.py::test_a[postgresql]" for name in ("a", "b")
    )

    assert scope(claims) == scope(entries)


def test_other_tests_have_a_scope_of_their_own() -> None:
    first, second = (f"tests/vss/test_catalog.py::test_{name}" for name in ("a", "b"))

    assert scope(first) != scope(second)

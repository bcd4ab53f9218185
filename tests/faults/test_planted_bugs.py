"""Every planted bug is noticed: the list is the test of the tests."""

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from orchestrator.ledger.ledger import Ledger
from tests.faults.bench import Bench, open_bench
from tests.faults.planted_bugs import BUGS, DIRECTORY, MACHINE, POINTS, Bug
from tests.faults.schedule import run_schedule
from tests.faults.walk import walk
from tests.faults.world import Snapshot
from tests.orchestrator.execution.test_worker import test_overtaken_attempt_writes_no_more_points
from tests.vss.test_trial_directory import test_older_attempt_may_no_longer_write

_MOST_SEEDS = 300
_TESTS: dict[str, Callable[..., None]] = {
    POINTS: test_overtaken_attempt_writes_no_more_points,
    DIRECTORY: test_older_attempt_may_no_longer_write,
}
# They are called from here, and not collected.
del test_overtaken_attempt_writes_no_more_points, test_older_attempt_may_no_longer_write


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with open_bench() as bench:
        yield bench


def _case(bug: Bug) -> Any:
    # A whole trial is trained and tracked.
    marks = [pytest.mark.slow] if bug.caught_by == POINTS else []
    return pytest.param(bug, id=bug.name.replace(" ", "-"), marks=marks)


@pytest.mark.parametrize("bug", [_case(bug) for bug in BUGS])
def test_planted_bug_is_noticed(
    bug: Bug,
    machine: tuple[Ledger, Snapshot],
    bench: Bench,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    arguments = _arguments(bug, request)
    with monkeypatch.context() as patch:
        bug.plant(patch)

        with pytest.raises(BaseException) as error:  # noqa: PT011  # also a failed `raises`
            _run_test(bug, machine, bench, arguments)

    assert isinstance(error.value, (AssertionError, pytest.fail.Exception)) or (
        "Error" in type(error.value).__name__
    )


def _arguments(bug: Bug, request: pytest.FixtureRequest) -> dict[str, Any]:
    """Return the fixtures of the test that must notice a bug, made while it is not planted yet."""
    if bug.caught_by not in _TESTS:
        return {}
    names = inspect.signature(_TESTS[bug.caught_by]).parameters
    return {name: request.getfixturevalue(name) for name in names}


def _run_test(
    bug: Bug, machine: tuple[Ledger, Snapshot], bench: Bench, arguments: dict[str, Any]
) -> None:
    if bug.caught_by in _TESTS:
        _TESTS[bug.caught_by](**arguments)
        return
    for seed in range(bug.first_seed, bug.first_seed + _MOST_SEEDS):
        if bug.caught_by == MACHINE:
            walk(*machine, seed)
        else:
            run_schedule(seed, bench)

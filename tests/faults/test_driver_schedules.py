"""Drivers with fake workers, by thousands of seeded schedules of faults."""

from collections.abc import Iterator

import pytest

from tests.faults.bench import Bench, open_bench
from tests.faults.conftest import IS_FULL
from tests.faults.schedule import run_schedule

pytestmark = pytest.mark.slow

_PARTS = 8  # run in parallel
_SCHEDULES = 10_000 if IS_FULL else 120


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with open_bench() as bench:
        yield bench


@pytest.mark.parametrize("part", range(_PARTS))
def test_every_schedule_of_faults_comes_to_a_good_end(bench: Bench, part: int) -> None:
    """Every trial ends once, is run by one driver at a time, in order, and tried again by rule."""
    for seed in range(part, _SCHEDULES, _PARTS):
        run_schedule(seed, bench)

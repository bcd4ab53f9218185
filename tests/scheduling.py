"""How tests are dealt out to workers: one by one, except those that share a server."""

from xdist.scheduler import LoadScopeScheduling

# Tests with one of these in their name run in one worker, so that what they share is made once.
# (pytest-xdist 3.8 has marks for this, which pytest 9.2 ignores.)
TOGETHER = (
    "tests/orchestrator/execution/cluster/",
    "tests/orchestrator/offline/test_collection.py",
    "postgresql",
)


class Scheduling(LoadScopeScheduling):
    """A scheduling of groups first, then of single tests, each to the worker that is free."""

    def _split_scope(self, nodeid: str) -> str:
        return next((group for group in TOGETHER if group in nodeid), nodeid)

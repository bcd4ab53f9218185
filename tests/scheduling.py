"""The distribution of tests to workers: one by one, except for groups that share a setup."""

from xdist.scheduler import LoadScopeScheduling

# Tests whose names contain one of these texts run in the same worker, so that what they share, such
# as a server, a fixture or parsed files, is made only once. (pytest-xdist 3.8 has marks for this,
# which pytest 9.2 ignores.)
GROUPS = (
    "tests/orchestrator/execution/cluster/",
    "tests/orchestrator/offline/test_trial_import.py",
    "tests/test_architecture.py",
    "tests/test_findings.py",
    "tests/test_untrusted_files.py",
    "postgresql",
)


class GroupScheduler(LoadScopeScheduling):
    """A scheduler that sends a whole group, or an individual test, to the next free worker."""

    def _split_scope(self, nodeid: str) -> str:
        return next((group for group in GROUPS if group in nodeid), nodeid)

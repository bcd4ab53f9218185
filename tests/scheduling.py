"""The distribution of tests to workers: one by one, except for groups that share a setup."""

from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

# Tests whose names contain one of these texts run in the same worker, so that what they share, such
# as a server, a fixture or parsed files, is made only once. (pytest-xdist 3.8 has marks for this,
# which pytest 9.2 ignores.)
GROUPS = (
    "tests/orchestrator/execution/cluster/",
    "tests/orchestrator/offline/test_trial_import.py",
    "tests/test_architecture.py",
    "tests/test_findings.py",
    "postgresql",
)
# Tests that wait in each worker. Most take milliseconds, less than the way of the next one there.
QUEUED = 10


class GroupScheduler(LoadScopeScheduling):
    """A scheduler that sends a whole group, or an individual test, to the next free worker."""

    def _split_scope(self, nodeid: str) -> str:
        return next((group for group in GROUPS if group in nodeid), nodeid)

    def mark_test_complete(
        self, node: WorkerController, item_index: int, duration: float = 0
    ) -> None:
        """Forget a group that is complete, as the remaining tests are counted after each one."""
        super().mark_test_complete(node, item_index, duration)
        groups = self.assigned_work[node]
        group = self._split_scope(self.registered_collections[node][item_index])
        if all(groups[group].values()):
            del groups[group]

    def _reschedule(self, node: WorkerController) -> None:
        super()._reschedule(node)
        while self.workqueue and self._pending_of(self.assigned_work[node]) < QUEUED:
            self._assign_work_unit(node)

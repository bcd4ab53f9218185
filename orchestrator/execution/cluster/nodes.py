"""The nodes of the cluster: what they have, and functions that run on one of them."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import ray
from ray.exceptions import RayTaskError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from orchestrator.execution.job import SlotSize
from vss.errors import UserError

Result = TypeVar("Result")


def live_nodes() -> dict[str, Mapping[str, float]]:
    """Return node id -> resources of each node that is alive."""
    return {node["NodeID"]: node["Resources"] for node in ray.nodes() if node["Alive"]}


def count_slots(node: Mapping[str, float], size: SlotSize) -> int:
    """Return how many slots of a size fit on a node that is empty."""
    by_cpus = int(node.get("CPU", 0) / size.cpus)
    return min(by_cpus, int(node.get("GPU", 0) / size.gpus)) if size.gpus else by_cpus


def run_on_first(size: SlotSize, function: Callable[..., Result], *arguments: Any) -> Result:
    """Run a function on the first node that a slot fits on and on which it raises no UserError.

    It reserves nothing, so that it runs even while all nodes are busy.

    Raises:
        UserError: that of the last node, if it raises one on all of them.
    """
    task = ray.remote(num_cpus=0)(function)
    refusal: UserError | None = None
    for node_id in [key for key, node in live_nodes().items() if count_slots(node, size)]:
        strategy = NodeAffinitySchedulingStrategy(node_id, soft=False)
        try:
            result: Result = ray.get(task.options(scheduling_strategy=strategy).remote(*arguments))
        except RayTaskError as error:
            if not isinstance(error.cause, UserError):
                raise
            refusal = error.cause
        else:
            return result
    raise refusal or UserError("no node of the Ray cluster has room for a trial")

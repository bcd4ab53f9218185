"""The nodes of the cluster: what they have, and functions that run on one of them."""

from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

import ray
import ray._private.state
from ray.core.generated import gcs_pb2
from ray.exceptions import RayTaskError
from ray.util.accelerators import accelerators
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from orchestrator.execution.job import SlotSize
from orchestrator.execution.nodes.machine import Machine, describe_machine
from vss.errors import UserError
from vss.suggestions import require_known

Result = TypeVar("Result")
_ActorTableData: Any = vars(gcs_pb2)["ActorTableData"]  # generated when it is imported
_TYPE = "accelerator_type:"  # a node that has GPUs of a model has a resource of this name
_ROUNDING = 1e-9  # 1 / 0.1 and the like are not exact


def live_nodes() -> dict[str, Mapping[str, float]]:
    """Return node id -> resources of each node that is alive."""
    return {node["NodeID"]: node["Resources"] for node in ray.nodes() if node["Alive"]}


def count_slots(node: Mapping[str, float], size: SlotSize) -> int:
    """Return how many slots of a size fit on a node that is empty."""
    if size.gpu_type is not None and f"{_TYPE}{size.gpu_type}" not in node:
        return 0
    by_cpus = int(node.get("CPU", 0) / size.cpus + _ROUNDING)
    if not size.gpus:
        return by_cpus
    gpus = int(node.get("GPU", 0))
    # A slot never has parts of two GPUs.
    by_gpus = gpus * int(1 / size.gpus + _ROUNDING) if size.gpus < 1 else gpus // int(size.gpus)
    return min(by_cpus, by_gpus)


def ray_options(size: SlotSize) -> dict[str, Any]:
    """Return the options of a task or an actor that reserve a slot of a size."""
    return {"num_cpus": size.cpus, "num_gpus": size.gpus, "accelerator_type": size.gpu_type}


def check_fits(size: SlotSize) -> None:
    """Check that some node can run a trial at all.

    Raises:
        UserError: naming what a trial needs and what the nodes have; Ray itself would wait for
            ever.
    """
    nodes = live_nodes().values()
    if any(count_slots(node, size) for node in nodes):
        return
    types = {gpu_type for node in nodes for gpu_type in _gpu_types(node)}
    if size.gpu_type is not None and size.gpu_type not in types:
        _check_gpu_type(size.gpu_type)
    sizes = ", ".join(_describe(node) for node in nodes)
    raise UserError(
        f"each trial needs {size} on one node, but the nodes have {sizes}: lower 'resources' in "
        "the spec, or give the --address of another cluster"
    )


def _check_gpu_type(name: str) -> None:
    """Refuse a model that Ray does not know: it is probably misspelt."""
    ray_names = {
        value: value
        for key, value in vars(accelerators).items()
        if key.isupper() and isinstance(value, str)
    }
    try:
        require_known("gpu_type", name, ray_names)
    except ValueError as error:
        raise UserError(f"resources: {error}") from None


def _describe(node: Mapping[str, float]) -> str:
    types = "/".join(_gpu_types(node))
    kind = f"{types} GPUs" if types else "GPUs"
    return f"{node.get('CPU', 0):g} CPUs and {node.get('GPU', 0):g} {kind}"


def _gpu_types(node: Mapping[str, float]) -> list[str]:
    return [name.removeprefix(_TYPE) for name in node if name.startswith(_TYPE)]


def describe_machines(size: SlotSize) -> list[Machine]:
    """Return what each node has on which a slot of a size fits."""
    task = ray.remote(num_cpus=0)(describe_machine)
    return ray.get(
        [
            task.options(scheduling_strategy=_only_on(node_id)).remote()
            for node_id, node in live_nodes().items()
            if count_slots(node, size)
        ]
    )


def any_waits_for(options: Mapping[str, Any], own_ids: Collection[str]) -> bool:
    """Return whether an actor of another driver waits for room that a slot would make.

    Args:
        options: the options that the slot was reserved with.
        own_ids: the actors that do not count.
    """
    # Ray's public API lists the actors of all drivers only through its dashboard, which may be off.
    accessor = ray._private.state.state._connect_and_get_accessor()
    for row in accessor.get_actor_table(None, "PENDING_CREATION"):
        actor = _ActorTableData.FromString(row)
        needs = actor.required_resources
        fits = needs.get("CPU", 0) <= options["num_cpus"]
        fits = fits and needs.get("GPU", 0) <= options["num_gpus"]
        if fits and actor.actor_id.hex() not in own_ids:
            return True
    return False


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


def _only_on(node_id: str) -> NodeAffinitySchedulingStrategy:
    return NodeAffinitySchedulingStrategy(node_id, soft=False)

"""The check of a plan: whether its trials can run at all, on a cluster or on this machine."""

from orchestrator.execution.nodes.machine import Machine, describe_machine
from orchestrator.execution.nodes.memory_check import check_memory
from orchestrator.execution.stages.tuning.ray_tune import check_installed
from orchestrator.spec.experiment import Experiment
from orchestrator.spec.schema import Resources
from orchestrator.terminal.counts import count_of
from vss.errors import UserError
from vss.runtime.environment import cpu_has_native_bf16


def check_experiment(experiment: Experiment) -> None:
    """Check what a spec alone does not show: whether cells fit what they take from others.

    Raises:
        UserError: if they do not.
    """
    if experiment.dependencies:
        from orchestrator.networks.source_check import check_sources  # imports torch

        check_sources(experiment)


def check_here(experiment: Experiment) -> str:
    """Check that the trials fit on this machine, and return lines that say what was checked.

    Trials that need GPUs which this machine lacks are planned for another one: the line says so.

    Raises:
        UserError: if the trials do not fit or a searcher is not installed, and no other machine is
            meant.
    """
    machine, resources = describe_machine(), experiment.resources
    if (missing := _missing_gpus(resources, machine)) is not None:
        return (
            f"note: {missing}, so a submit here would be refused; "
            "plan and submit with --address to use a cluster"
        )
    if resources.cpus > machine.cpus:
        raise UserError(
            f"each trial needs {resources.cpus:g} CPUs, but this machine has {machine.cpus}: "
            "lower cpus in resources, or give the --address of a cluster"
        )
    check_memory(experiment, lambda: [machine])
    if experiment.tuning is not None:
        check_installed(experiment.tuning.tune)
    has = f"{count_of(machine.cpus, 'CPU')}, {machine.memory_mib / 1024:.0f} GiB"
    line = f"each trial fits on this machine ({has}); no cluster was checked"
    if _emulates_bf16(experiment):
        line += "\nnote: this CPU emulates bf16, many times slower than fp32: use precision: auto"
    return line


def count_slots_here(resources: Resources) -> int:
    """Return how many trials can run at the same time on this machine."""
    machine = describe_machine()
    slots = machine.cpus // resources.cpus
    if resources.gpus:
        slots = min(slots, len(machine.gpus) // resources.gpus)
    return int(slots)


def check_on_cluster(experiment: Experiment, address: str, is_insecure: bool = False) -> str:
    """Check that the trials fit on a cluster, and return a line that says what was checked.

    Args:
        experiment: the experiment.
        address: host:port of the cluster, or its dashboard, which is not asked for its nodes.
        is_insecure: whether the cluster may do without a token.

    Raises:
        UserError: if they do not, or the cluster does not answer or is open to others.
    """
    from orchestrator.execution.cluster.connection import connect, disconnect
    from orchestrator.execution.cluster.protection import check_host, check_protected
    from orchestrator.execution.job import SlotSize

    if address.startswith(("http://", "https://")):
        check_host(address)
        if not is_insecure:
            check_protected(address)
        return f"not checked against the nodes of {address}: submit does that"
    connection = connect(address, is_insecure=is_insecure)
    try:
        # Ray may be imported only after `connect` has set its environment.
        from orchestrator.execution.cluster.nodes import check_fits, describe_machines

        size = SlotSize.from_resources(experiment.resources)
        check_fits(size)
        check_memory(experiment, lambda: describe_machines(size))
    finally:
        disconnect(connection.watch)
    return f"each trial fits on the cluster at {address}"


def _emulates_bf16(experiment: Experiment) -> bool:
    """Return whether a cell asks for bf16 and this machine's CPU would have to compute in it."""
    if experiment.resources.gpus or cpu_has_native_bf16():
        return False
    return any(config.precision == "bf16" for config in experiment.cells.values())


def _missing_gpus(resources: Resources, machine: Machine) -> str | None:
    """Return what a trial needs and this machine lacks, or None if it lacks nothing."""
    kind, has = "GPU", len(machine.gpus)
    if resources.gpu_type is not None:
        kind = f"{resources.gpu_type} GPU"
        has = sum(resources.gpu_type.lower() in gpu.lower() for gpu in machine.gpus)
    if resources.gpus <= has:
        return None
    return f"each trial needs {resources.gpus:g} {kind}(s), and this machine has {has}"

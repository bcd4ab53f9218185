"""The faults of a round that strike networks, Ray's messages, and submits beside each other."""

import json
import signal
import time

from tests.faults.injection import Fault
from tests.faults.nodes import Nodes
from tests.faults.round import Round

_SHORT_CUT_SECONDS = (2.0, 8.0)
_LONG_CUT_SECONDS = (45.0, 60.0)  # Ray declares a node dead after 15 to 20 s
_BEYOND_LEASE_SECONDS = 90.0
_LOST_MESSAGES = {
    f"CoreWorkerService.grpc_client.{call}": {
        "num_failures": 5, "req_failure_prob": 25, "resp_failure_prob": 25,
    }
    for call in ("PushTask", "ReportGeneratorItemReturns")
}  # fmt: skip
_LATE_MESSAGES = ",".join(
    f"CoreWorkerService.grpc_server.{call}=10000:600000"  # microseconds
    for call in ("PushTask", "ReportGeneratorItemReturns")
)


def _nodes(study: Round) -> Nodes:
    assert study.services.nodes is not None
    return study.services.nodes


def cut_link(study: Round, seconds: tuple[float, float] = _SHORT_CUT_SECONDS) -> None:
    """Cut the second node off, and heal the link."""
    nodes = _nodes(study)
    nodes.cut()
    try:
        time.sleep(study.rng.uniform(*seconds))
    finally:
        nodes.heal()


def _cut_link_for_long(study: Round) -> None:
    cut_link(study, _LONG_CUT_SECONDS)


def _pause_beyond_lease(study: Round) -> None:
    """Stop the driver for longer than its lease, while another submit waits for it."""
    paused = study.driver
    paused.send_signal(signal.SIGSTOP)
    study.submit()
    study.wait(_BEYOND_LEASE_SECONDS)
    paused.send_signal(signal.SIGCONT)
    paused.wait()


def _submit_twice(study: Round) -> None:
    """Submit again at once, while the home is still empty."""
    first = study.driver
    study.submit()
    first.wait()


def _let_ray_do_it(study: Round) -> None:
    """Do nothing: the fault is in the variables of Ray's processes."""


LINK_FAULTS = {
    "cut link, shortly": Fault(cut_link, needs_nobody=True, needs_nodes=True),
    "cut link, for long": Fault(_cut_link_for_long, needs_nobody=True, needs_nodes=True),
    "pause driver beyond its lease": Fault(_pause_beyond_lease),
    "two submits at once": Fault(_submit_twice, begins_early=True),
    "lost messages of Ray": Fault(
        _let_ray_do_it,
        needs_nobody=True,
        variables={"RAY_testing_rpc_failure": json.dumps(_LOST_MESSAGES)},
    ),
    "late messages of Ray": Fault(
        _let_ray_do_it,
        needs_nobody=True,
        variables={"RAY_testing_asio_delay_us": _LATE_MESSAGES},
    ),
}

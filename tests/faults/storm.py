"""A storm: fault after fault, until the study has ended all the same."""

import time

from tests.faults.disks import DISK_FAULTS
from tests.faults.injection import PROCESS_FAULTS, Fault
from tests.faults.links import LINK_FAULTS
from tests.faults.round import Round

_MOST_FAULTS = 40
_CALM_SECONDS = 4.0
_NO_MOMENTS = ("pause driver beyond", "restart")  # they last until a submit has ended
_FAULTS = {
    name: fault
    for name, fault in {**PROCESS_FAULTS, **DISK_FAULTS, **LINK_FAULTS}.items()
    if not (fault.variables or fault.begins_early or name.startswith(_NO_MOMENTS))
}


def _rage(study: Round) -> None:
    """Strike with one fault after the other; the user submits again whenever a submit has ended.

    The next one strikes as soon as any trial has gone on, and a moment later.
    """
    study.most_submits = _MOST_FAULTS
    on_two_nodes = study.services.nodes is not None
    names = [name for name, fault in _FAULTS.items() if on_two_nodes or not fault.needs_nodes]
    struck_at = time.time()
    while study.faults < _MOST_FAULTS:
        study.wait_for_writes(struck_at)
        study.wait(study.rng.uniform(0, _CALM_SECONDS))
        if study.driver.poll() == 0:
            return
        if study.driver.poll() is not None:
            study.submit()
            continue
        name = study.rng.choice(names)
        _FAULTS[name].strike(study)
        study.strikes.append(name)
        study.faults += 1
        struck_at = time.time()


STORM = {"storm": Fault(_rage, begins_early=True)}

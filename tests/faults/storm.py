"""A storm: fault after fault, until the study has ended all the same."""

from tests.faults.disks import DISK_FAULTS
from tests.faults.injection import PROCESS_FAULTS, Fault
from tests.faults.links import LINK_FAULTS
from tests.faults.round import Round

_MOST_FAULTS = 40
_CALM_SECONDS = (1.0, 6.0)
_FAULTS = {
    name: fault
    for name, fault in {**PROCESS_FAULTS, **DISK_FAULTS, **LINK_FAULTS}.items()
    if not fault.variables and not fault.begins_early and not name.startswith("pause driver beyond")
}


def _rage(study: Round) -> None:
    """Strike with one fault after the other; the user submits again whenever a submit has ended."""
    study.most_submits = _MOST_FAULTS
    names = [
        name for name, fault in _FAULTS.items() if study.services.nodes or not fault.needs_nodes
    ]
    while study.faults < _MOST_FAULTS:
        study.wait(study.rng.uniform(*_CALM_SECONDS))
        if (code := study.driver.poll()) is not None:
            if code == 0:
                return
            study.submit()
            continue
        name = study.rng.choice(names)
        _FAULTS[name].strike(study)
        study.strikes.append(name)
        study.faults += 1


STORM = {"storm": Fault(_rage, begins_early=True)}

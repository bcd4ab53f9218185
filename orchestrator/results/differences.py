"""What differs between two specs, or between two trials: for `vss-orch diff`."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from orchestrator.ledger.trial_names import find_trial_id
from orchestrator.results.records import read_environment
from orchestrator.spec.experiment import Experiment
from orchestrator.stores import Stores


@dataclass(frozen=True)
class Difference:
    """One thing that is not the same on both sides.

    Attributes:
        subject: what it belongs to: "spec", "cells", one cell or every cell; of trials, "settings",
            "data" or "environment".
        name: its name, such as that of a setting.
        first, second: its values; None where one side lacks it.
    """

    subject: str
    name: str
    first: Any
    second: Any


def compare_specs(first: Experiment, second: Experiment) -> list[Difference]:
    """Return what differs between two specs; what changes in every cell alike is one row."""
    shared = [cell for cell in first.cells if cell in second.cells]
    changes = {cell: _changes_of(cell, first, second) for cell in shared}
    common = _find_common(list(changes.values())) if len(shared) > 1 else []
    rows = list(_compare("spec", _describe(first), _describe(second)))
    for cell in dict.fromkeys((*first.cells, *second.cells)):
        if cell not in shared:
            states = ("present" if cell in spec.cells else None for spec in (first, second))
            rows.append(Difference("cells", cell, *states))
    rows += [replace(row, subject="every cell") for row in common]
    for cell in shared:
        own = (row for row in changes[cell] if row not in common)
        rows += [replace(row, subject=f"cell {cell}") for row in own]
    return rows


def _find_common(changes: Sequence[Sequence[Difference]]) -> list[Difference]:
    return [row for row in changes[0] if all(row in others for others in changes)]


def _describe(spec: Experiment) -> dict[str, Any]:
    tune = spec.tuning.tune.model_dump(mode="json") if spec.tuning else {}
    return {
        "name": spec.name,
        "baseline": spec.baseline,
        "seeds": list(spec.seeds),
        "looks": list(spec.looks),
        "margin": spec.margin_points,
        "measure_latency": spec.measures_latency,
        "log_pictures": spec.logs_pictures,
        "budget": dict(spec.budget),
        **{f"tune.{name}": value for name, value in tune.items()},
        **{f"resources.{name}": value for name, value in spec.resources.model_dump().items()},
    }


def _changes_of(cell: str, first: Experiment, second: Experiment) -> list[Difference]:
    settings = ({**spec.cells[cell].settings(), "seed": None} for spec in (first, second))
    return list(_compare("", *settings))


def compare_trials(first: str, second: str, stores: Stores) -> list[Difference]:
    """Return what differs between two trials: settings, data, and what they ran with.

    Args:
        first, second: EXPERIMENT:CELL:SEED, a trial_id or the beginning of one.
        stores: the ledger and MLflow, which knows the environment of trials that have finished.

    Raises:
        UserError: if there is no such trial, or more than one.
    """
    ids = [find_trial_id(name, stores.ledger) for name in (first, second)]
    settings, fingerprints = zip(*map(stores.ledger.settings_and_data, ids), strict=True)
    environments = (read_environment(trial_id, stores) for trial_id in ids)
    return [
        *_compare("settings", *settings),
        *_compare("data", *({"fingerprint": fingerprint} for fingerprint in fingerprints)),
        *_compare("environment", *environments),
    ]


def _compare(
    subject: str, first: Mapping[str, Any], second: Mapping[str, Any]
) -> Iterator[Difference]:
    for name in dict.fromkeys((*first, *second)):
        values = first.get(name), second.get(name)
        if values[0] != values[1]:
            yield Difference(subject, name, *values)

"""The limits of a design, checked before anything is expanded: a short spec can ask for billions.

Names are limited too, as they become folders, tags and columns: printable, and not too long.
"""

import math
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from orchestrator.spec.schema import (
    EXPERIMENT_NAME,
    LONGEST_EXPERIMENT_NAME,
    CellSettings,
    ExperimentSpec,
)
from orchestrator.spec.sources.initial_weights import names_a_cell
from vss.errors import UserError
from vss.suggestions import did_you_mean
from vss.trial_config import TrialConfig
from vss.untrusted.messages import excerpt, excerpt_name

MAX_TRIALS = 20_000
LONGEST_NAME = 300  # characters of a cell's name
SPEC_ONLY_SETTINGS = ("published", "teacher_seed", "priority")
_SETTINGS = dict.fromkeys((*TrialConfig.model_fields, *SPEC_ONLY_SETTINGS))
del _SETTINGS["seed"]  # seeds are listed for all cells together


def check_experiment_name(name: str) -> None:
    """Check the name of an experiment that no spec describes.

    Raises:
        UserError: if a spec could not have it either.
    """
    if len(name) > LONGEST_EXPERIMENT_NAME or not re.fullmatch(EXPERIMENT_NAME.rstrip("$"), name):
        raise UserError(
            f"'{excerpt_name(name)}' cannot be the name of an experiment: write letters, digits, "
            f"'_', '-' and '.', at most {LONGEST_EXPERIMENT_NAME} of them, a letter or digit first"
        )


def check_limits(spec: ExperimentSpec) -> None:
    """Check the size of a design and its names, before it is expanded.

    Raises:
        UserError: if it has too many trials, an unknown setting, or a name that is no name.
    """
    _check_size(spec)
    _check_settings(spec.base, "base")
    for name, settings in spec.cells.items():
        check_cell_name(name)
        _check_settings(settings, f"cell '{excerpt_name(name)}'")
    for part in ("grid", "ablate"):
        factors: Mapping[str, list[Any]] = getattr(spec, part)
        for factor, values in factors.items():
            _check_factor(part, factor, values)


def check_cell_name(name: str) -> None:
    """Check that a name can stand in tables, tags and folders.

    Raises:
        UserError: if it is empty or long, or contains control characters or outer spaces.
    """
    if not name.strip():
        raise UserError("a cell has an empty name: name it under 'cells'")
    if name != name.strip():
        raise UserError(f"cell '{excerpt_name(name)}': the name begins or ends with a space")
    if len(name) > LONGEST_NAME:
        raise UserError(
            f"cell '{excerpt_name(name)}' has a name of {len(name)} characters (at most "
            f"{LONGEST_NAME}): list it under 'cells' with a shorter one"
        )
    if not name.isprintable():
        raise UserError(f"cell '{excerpt_name(name)}': the name has a character to leave out")


def check_names_apart(cells: Collection[str]) -> None:
    """Check that no cell is named like a trial of another one, CELL:SEED or CELL:sample N.

    Raises:
        UserError: naming both.
    """
    for cell in cells:
        other, _, trial = cell.rpartition(":")
        if other in cells and re.fullmatch(r"(sample )?\d+", trial):
            raise UserError(
                f"cell '{excerpt_name(cell)}' is named like a trial of '{excerpt_name(other)}': "
                "rename one of them"
            )


def _check_size(spec: ExperimentSpec) -> None:
    crossed = math.prod(map(len, spec.grid.values())) if spec.grid else 0
    varied = 1 + sum(map(len, spec.ablate.values())) if spec.ablate else 0
    cells = crossed + varied + len(spec.cells) or 1
    trials = cells * len(spec.seeds)
    if spec.tune is not None:
        trials = (1 + spec.tune.with_common) * trials + cells * spec.tune.samples
    if trials > MAX_TRIALS:
        raise UserError(
            f"{_count(cells)} cells with {len(spec.seeds)} seeds each make {_count(trials)} trials "
            f"(at most {MAX_TRIALS}, before 'exclude'): vary less at a time"
        )


def _count(number: int) -> str:
    return str(number) if number < 10**12 else "more than 10^12"


def _check_factor(part: str, factor: str, values: Sequence[Any]) -> None:
    if not values:
        raise UserError(f"{part} '{excerpt_name(factor)}' has no values: list one, or leave it out")
    for value in values:
        if isinstance(value, dict) and not names_a_cell(factor, value):
            _check_settings(value, f"{part} '{excerpt_name(factor)}'")
        else:
            _check_settings({factor: value}, part)


def _check_settings(settings: CellSettings, place: str) -> None:
    for name in settings:
        if name == "seed":
            raise UserError(
                f"{place}: 'seed' must not be set in a cell (got {excerpt(settings[name])}): "
                "list it under 'seeds'"
            )
        if name not in _SETTINGS:
            hint = did_you_mean(name, _SETTINGS)
            see = "" if hint else ": `vss-orch names` lists all settings"
            raise UserError(f"{place}: unknown setting '{excerpt_name(name)}'{hint}{see}")

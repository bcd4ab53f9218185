"""The spec as a YAML file: read it, and explain what is wrong with it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from orchestrator.spec.experiment import Experiment, build_experiment
from orchestrator.spec.extension.resolve import SIZE_LIMIT, resolve_extension
from orchestrator.spec.overrides import (
    apply_overrides,
    check_effects,
    read_overrides,
    record_overrides,
    remove_record,
)
from orchestrator.spec.schema import ExperimentSpec
from vss.errors import UserError
from vss.untrusted.limited_file import name_of, read_text
from vss.untrusted.messages import one_line
from vss.untrusted.yaml_text import read_yaml
from vss.validation_errors import describe_validation_error


def load_spec(path: Path, overrides: Sequence[str] = ()) -> Experiment:
    """Read and check a spec.

    Args:
        path: the path of the YAML file.
        overrides: changes to what it states, as KEY=VALUE.

    Raises:
        UserError: if the spec is invalid; one line names the file, the culprit and the remedy.
    """
    source = read_text(path, "spec", SIZE_LIMIT)
    return load_spec_text(remove_record(source), path, overrides)


def load_spec_text(source: str, path: Path, overrides: Sequence[str] = ()) -> Experiment:
    """Check the text of a spec as if it was read from `path`; otherwise like `load_spec`."""
    try:
        standalone = resolve_extension(source, path)
        spec = parse_spec(standalone.text, overrides)
        check_effects(spec, overrides)
        record = record_overrides(standalone.text, overrides)
        return replace(
            build_experiment(spec, record, path.parent), extended_specs=standalone.extended
        )
    except UserError as error:
        raise UserError(one_line(f"{name_of(path)}: {error}")) from None


def parse_recorded_spec(source: str) -> ExperimentSpec:
    """Parse the text of a spec that an experiment recorded, with the overrides that it states.

    Raises:
        UserError: if the text is not a valid spec.
    """
    return parse_spec(source, read_overrides(source))


def _without_own_keys(content: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out the keys that begin with x-, which hold what YAML aliases repeat elsewhere."""
    return {key: value for key, value in content.items() if not key.startswith("x-")}


def parse_spec(source: str, overrides: Sequence[str] = ()) -> ExperimentSpec:
    """Parse the text of a spec, changed by overrides, without checking its design.

    Raises:
        UserError: if the text is not a valid spec.
    """
    content = read_yaml(source)
    if not isinstance(content, dict):
        kind = {type(None): "nothing", str: "plain text"}.get(type(content), "something else")
        raise UserError(f"expected settings such as 'name: my-study', got {kind}")
    content = apply_overrides(_without_own_keys(content), overrides)
    try:
        return ExperimentSpec(**content)
    except ValidationError as error:
        raise UserError(describe_validation_error(error, ExperimentSpec)) from None

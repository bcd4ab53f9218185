"""The spec as a YAML file: read it, and explain what is wrong with it."""

import textwrap
from pathlib import Path

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from orchestrator.spec.experiment import Experiment, build_experiment
from orchestrator.spec.schema import ExperimentSpec
from vss.errors import UserError
from vss.validation_errors import describe_validation_error


def load_spec(path: Path) -> Experiment:
    """Read and check a spec.

    Raises:
        UserError: if the spec is invalid; one line names the file, the culprit and the remedy.
    """
    source = _read_text(path)
    try:
        return build_experiment(parse_spec(source), source, path.parent)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None


def parse_spec(source: str) -> ExperimentSpec:
    """Parse the text of a spec without checking its design.

    Raises:
        UserError: if the text is not a valid spec.
    """
    try:
        content = YAML(typ="safe", pure=True).load(source)  # YAML 1.2: 1e-3 is a number
    except MarkedYAMLError as error:
        raise UserError(_yaml_problem(error)) from None
    except YAMLError as error:
        raise UserError(f"unreadable YAML: {error}") from None
    if not isinstance(content, dict):
        excerpt = textwrap.shorten(repr(content), 60, placeholder="...'")
        raise UserError(f"expected settings such as 'name: my-study', got {excerpt}")
    try:
        return ExperimentSpec(**{str(key): value for key, value in content.items()})
    except ValidationError as error:
        raise UserError(describe_validation_error(error, ExperimentSpec)) from None


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot read spec {path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise UserError(f"spec {path} is not UTF-8 text: {error.reason}") from None


def _yaml_problem(error: MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    position = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    problem = (error.problem or "").splitlines()[0]
    if isinstance(error, DuplicateKeyError):
        problem = f"{problem.partition(' with value')[0]}; write each key once"
    return f"{position}{problem}"

"""The trial file: all that an offline machine needs to train one trial. Imports no torch.

It is a JSON object that has exactly these keys; it contains no path of the machine that wrote it.

format       1; any other number is rejected
trial_id     follows from `settings`; a file in which the two disagree is rejected
settings     every setting of the trial
cell         its cell in the experiment
position     its position among the experiment's trials, from 0
experiment   name, description, baseline (a cell) and source (the spec as written)
resources    cpus (threads of a CPU trial) and gpus
weights      name of the file with the initial weights, next to the trial file, or null
teacher      settings of the trial that teaches this one, or null
"""

import json
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from vss.errors import UserError
from vss.trial_config import LARGEST_NUMBER, TrialConfig, parse_settings
from vss.untrusted.json_text import read_object
from vss.untrusted.limited_file import name_of
from vss.untrusted.messages import one_line
from vss.validation_errors import describe_validation_error

_CELL = r"^\P{C}*[^\s\p{C}]\P{C}*$"  # printable
COPY = "trial.json"  # name of the trial file's copy in the trial directory


class ExperimentPart(BaseModel):
    """The experiment that a trial belongs to."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=80)
    description: str
    baseline: str = Field(pattern=_CELL, max_length=300)
    source: str = Field(max_length=2**21)


class ResourcesPart(BaseModel):
    """The resources that a trial needs."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    cpus: float = Field(gt=0, le=10_000)
    gpus: float = Field(ge=0, le=10_000)


class TrialFile(BaseModel):
    """The content of a trial file."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    format: Literal[1]
    trial_id: str
    settings: dict[str, Any]
    cell: str = Field(pattern=_CELL, max_length=300)
    position: int = Field(ge=0, le=LARGEST_NUMBER)
    experiment: ExperimentPart
    resources: ResourcesPart
    weights: str | None = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")
    teacher: dict[str, Any] | None

    @model_validator(mode="after")
    def _parts_agree(self) -> Self:
        trial_id = self.config.trial_id
        if trial_id != self.trial_id:
            raise ValueError(f"the settings belong to trial {trial_id}, not to {self.trial_id}")
        teacher = self.teacher_config
        if (teacher.trial_id if teacher else "none") != self.config.teacher:
            raise ValueError(
                f"'teacher' does not contain the settings of trial {self.config.teacher}"
            )
        if self.config.weights.startswith("sha256:") != (self.weights is not None):
            raise ValueError(
                f"'weights' ({self.weights}) contradicts the setting weights "
                f"({self.config.weights})"
            )
        return self

    @property
    def config(self) -> TrialConfig:
        """The trial."""
        return parse_settings(self.settings)

    @property
    def teacher_config(self) -> TrialConfig | None:
        """The trial that teaches it, or None if there is none."""
        return None if self.teacher is None else parse_settings(self.teacher)

    def text(self) -> str:
        """Return the file's text."""
        return json.dumps(self.model_dump(), indent=2) + "\n"

    def save_copy(self, directory: Path) -> None:
        """Write a copy into a trial directory, where `import` looks up the trial's experiment."""
        directory.mkdir(parents=True, exist_ok=True)
        (directory / COPY).write_text(self.text(), encoding="utf-8")


def read_trial_file(path: Path) -> TrialFile:
    """Read and check a trial file.

    Raises:
        UserError: naming the file and the culprit, in one line.
    """
    name = name_of(path)
    content = read_object(path, "trial file")
    try:
        return TrialFile(**content)
    except ValidationError as error:
        problems = describe_validation_error(error, TrialFile)
        raise UserError(one_line(f"{name}: {problems}")) from None
    except UserError as error:  # the settings are invalid
        raise UserError(one_line(f"{name}: {error}")) from None

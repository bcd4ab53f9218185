"""The YAML file that describes a user's own video dataset. Imports nothing heavy.

```yaml
root: frames                       # relative to this file; default: the folder of this file
images: "{split}/{sequence}/{number}.jpg"
labels: "{split}_labels/{sequence}/{number}.png"
classes: {road: [128, 64, 128], car: [0, 0, 142]}
form: index                        # label values 0, 1, ... in the order of the classes; or palette
ignored: [255]                     # further values (index) or colours (palette), not scored
splits: {train: training, val: validation, test: testing}   # our names: the names in the paths
```
Frames without a label serve as memory of labelled ones.
"""

import re
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from vss.errors import UserError
from vss.validation_errors import describe_validation_error

Colour = tuple[int, int, int]
Split = Literal["train", "val", "test"]
_SPLIT_NAMES: dict[Split, str] = {"train": "train", "val": "val", "test": "test"}
_PLACEHOLDERS = ("split", "sequence", "number")


class DatasetDescription(BaseModel):
    """A checked description of a dataset."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    root: str = "."
    images: str
    labels: str
    classes: dict[str, Colour] = Field(min_length=2, max_length=255)
    form: Literal["index", "palette"]
    ignored: list[int] | list[Colour] = Field(default_factory=list)
    splits: dict[Split, str] = Field(default_factory=lambda: dict(_SPLIT_NAMES))

    @field_validator("images", "labels")
    @classmethod
    def _has_each_placeholder_once(cls, pattern: str) -> str:
        placeholders = re.findall(r"\{(\w*)\}", pattern)
        if sorted(placeholders) != sorted(_PLACEHOLDERS):
            raise ValueError(
                f"'{pattern}' must contain {{split}}, {{sequence}} and {{number}} exactly once "
                f"each (got {', '.join(placeholders) or 'none'})"
            )
        return pattern

    @model_validator(mode="after")
    def _ignored_suits_the_form(self) -> Self:
        expected_type = int if self.form == "index" else tuple
        wrong = [value for value in self.ignored if not isinstance(value, expected_type)]
        if wrong:
            kind = "numbers" if self.form == "index" else "colours as [R, G, B]"
            raise ValueError(f"ignored contains {wrong[0]}: form {self.form} takes {kind}")
        return self


def read_description(file: Path) -> DatasetDescription:
    """Read and check a description.

    Raises:
        UserError: naming the file, the culprit and the remedy.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        content = YAML(typ="safe", pure=True).load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"cannot read dataset file {file}: {error.strerror}") from None
    except (YAMLError, UnicodeDecodeError) as error:
        first_line = str(error).strip().splitlines()[0]
        raise UserError(f"dataset file {file} is not valid YAML: {first_line}") from None
    try:
        return DatasetDescription.model_validate(content)
    except ValidationError as error:
        problems = describe_validation_error(error, DatasetDescription)
        raise UserError(f"dataset file {file}: {problems}") from None

"""The YAML file that describes a user's own video dataset. Imports nothing heavy.

```yaml
root: frames                       # relative to this file; its own folder if left out
images: "{split}/{sequence}/{number}.jpg"
labels: "{split}_labels/{sequence}/{number}.png"
classes: {road: [128, 64, 128], car: [0, 0, 142]}
form: index                        # label values 0, 1, ... in the order of the classes; or palette
ignored: [255]                     # further values (index) or colours (palette) that are not scored
splits: {train: training, val: validation, test: testing}   # ours: what stands in the paths
```
A frame without a label is memory of others.
"""

import re
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from vss.errors import UserError
from vss.trial_config import describe

Colour = tuple[int, int, int]
Split = Literal["train", "val", "test"]
_NAMES: dict[Split, str] = {"train": "train", "val": "val", "test": "test"}
_PARTS = ("split", "sequence", "number")


class Description(BaseModel):
    """The file, checked."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    root: str = "."
    images: str
    labels: str
    classes: dict[str, Colour] = Field(min_length=2, max_length=255)
    form: Literal["index", "palette"]
    ignored: list[int] | list[Colour] = Field(default_factory=list)
    splits: dict[Split, str] = Field(default_factory=lambda: dict(_NAMES))

    @field_validator("images", "labels")
    @classmethod
    def _has_its_parts(cls, pattern: str) -> str:
        found = re.findall(r"\{(\w*)\}", pattern)
        if sorted(found) != sorted(set(found)) or set(found) != set(_PARTS):
            raise ValueError(
                f"'{pattern}' must hold {{split}}, {{sequence}} and {{number}} once each, "
                f"it has {', '.join(found) or 'none'}"
            )
        return pattern

    @model_validator(mode="after")
    def _ignored_suits_the_form(self) -> Self:
        wanted = int if self.form == "index" else tuple
        wrong = [value for value in self.ignored if not isinstance(value, wanted)]
        if wrong:
            what = "numbers" if self.form == "index" else "colours as [R, G, B]"
            raise ValueError(f"ignored holds {wrong[0]}: for form {self.form} it lists {what}")
        return self


def read(file: Path) -> Description:
    """Read and check a description.

    Raises:
        UserError: naming the file, the culprit and the remedy.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        content = YAML(typ="safe", pure=True).load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"dataset file {file} cannot be read: {error.strerror}") from None
    except (YAMLError, UnicodeDecodeError) as error:
        first = str(error).strip().splitlines()[0]
        raise UserError(f"dataset file {file} is no YAML: {first}") from None
    try:
        return Description.model_validate(content)
    except ValidationError as error:
        said = "; ".join(describe(e, Description) for e in error.errors())
        raise UserError(f"dataset file {file}: {said}") from None

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
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from vss.errors import UserError
from vss.suggestions import list_names
from vss.untrusted.limited_file import MIB, name_of, read_text
from vss.untrusted.messages import excerpt, list_briefly, one_line
from vss.validation_errors import describe_validation_error

SIZE_LIMIT = MIB
_LONGEST_CLASS = 100  # characters
Byte = Annotated[int, Field(ge=0, le=255)]
Colour = tuple[Byte, Byte, Byte]
Split = Literal["train", "val", "test"]
_SPLIT_NAMES: dict[Split, str] = {"train": "train", "val": "val", "test": "test"}
_REQUIRED = {"images", "labels", "classes"}
_PLACEHOLDERS = ("split", "sequence", "number")


class DatasetDescription(BaseModel):
    """A checked description of a dataset."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_max_length=1000)

    root: str = "."
    images: str
    labels: str
    classes: dict[str, Colour] = Field(min_length=2, max_length=255)
    form: Literal["index", "palette"]
    ignored: list[Byte] | list[Colour] = Field(default_factory=list)
    splits: dict[Split, str] = Field(default_factory=lambda: dict(_SPLIT_NAMES))

    @field_validator("images", "labels")
    @classmethod
    def _has_each_placeholder_once(cls, pattern: str) -> str:
        placeholders = re.findall(r"\{(\w*)\}", pattern)
        if sorted(placeholders) != sorted(_PLACEHOLDERS):
            raise ValueError(
                f"{excerpt(pattern)} must contain {{split}}, {{sequence}} and {{number}} exactly "
                f"once each (got {list_briefly(placeholders) or 'none'})"
            )
        if set("{}") & set(re.sub(r"\{\w*\}", "", pattern)):
            raise ValueError(f"{excerpt(pattern)} has a brace that is no part of a placeholder")
        return _require_inside(pattern)

    @field_validator("splits")
    @classmethod
    def _splits_are_names(cls, splits: dict[Split, str]) -> dict[Split, str]:
        for name in splits.values():
            if set("{}") & set(name):
                raise ValueError(f"{excerpt(name)} must not contain braces")
            _require_inside(name)
        return splits

    @field_validator("classes")
    @classmethod
    def _classes_are_printable(cls, classes: dict[str, Colour]) -> dict[str, Colour]:
        for name in classes:
            if not name.isprintable() or not name.strip() or len(name) > _LONGEST_CLASS:
                raise ValueError(
                    f"class {excerpt(name)}: a name is printable and has at most "
                    f"{_LONGEST_CLASS} characters"
                )
        return classes

    @model_validator(mode="after")
    def _ignored_suits_the_form(self) -> Self:
        expected_type = int if self.form == "index" else tuple
        wrong = [value for value in self.ignored if not isinstance(value, expected_type)]
        if wrong:
            kind = "numbers" if self.form == "index" else "colours as [R, G, B]"
            raise ValueError(f"ignored contains {wrong[0]}: form {self.form} takes {kind}")
        return self


def _require_inside(pattern: str) -> str:
    """Return a pattern of files if it stays inside the root and searches no whole tree."""
    parts = pattern.split("/")
    if pattern.startswith("/") or {"..", "**"} & set(parts) or not pattern.isprintable():
        raise ValueError(
            f"{excerpt(pattern)} must be relative to root and contain neither .. nor **"
        )
    return pattern


def read_description(file: Path) -> DatasetDescription:
    """Read and check a description.

    Raises:
        UserError: naming the file, the culprit and the remedy; nothing is repeated of a file that
            is something else.
    """
    from vss.untrusted.yaml_text import YamlError, read_yaml  # the parser takes a while to load

    name = f"dataset file {name_of(file)}"
    text = read_text(file, "dataset file", SIZE_LIMIT)
    try:
        content = read_yaml(text)
    except YamlError as error:
        place = f" ({error.place})" if error.place else ""
        raise UserError(f"{name} is not valid YAML{place}: see docs/data.md") from None
    if not isinstance(content, dict) or not _REQUIRED & content.keys():
        keys = list_names(dict.fromkeys(_REQUIRED))
        raise UserError(f"{name} describes no dataset (it lacks {keys}): see docs/data.md")
    try:
        return DatasetDescription.model_validate(content)
    except ValidationError as error:
        problems = describe_validation_error(error, DatasetDescription)
        raise UserError(one_line(f"{name}: {problems}")) from None

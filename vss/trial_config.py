"""The settings of one trial, and the identity that follows from them. Imports no torch.

Settings are flat and closed: a grid key of a spec, a parameter in MLflow and a column of a table
are the same word. What an ablation compares has no default: the spec states it.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from vss import catalog
from vss.errors import UserError


def _name_in(setting: str) -> Any:
    """A JSON schema hint: editors offer the known names."""
    return {"enum": sorted(catalog.CHOICES[setting])}


class TrialConfig(BaseModel):
    """Everything that decides the outcome of one training.

    A setting that only one head, dataset, optimizer or schedule takes is None for all others.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    dataset: str = Field(json_schema_extra=_name_in("dataset"), description="what is segmented")
    frame_width: int = Field(ge=16, description="pixels; frames are scaled to this size")
    frame_height: int = Field(ge=16, description="pixels")
    clips: int | None = Field(None, ge=1, description="training clips rendered (synthetic)")
    void_class: bool | None = Field(
        None, description="void is a class, the first, and is not ignored (camvid)"
    )

    dataset_file: str | None = Field(
        None, description="YAML that describes the data: a file's path in a spec (folder)"
    )
    classes: list[str] | None = Field(
        None, description="names in the order of the label values; read from the file (folder)"
    )

    backbone: str = Field(json_schema_extra=_name_in("backbone"), description="image encoder")
    width: int = Field(64, ge=4, description="channels of the first stage; 64 is standard")
    output_stride: Literal[8, 16, 32] = Field(8, description="input pixels per feature cell")
    weights: str = Field(
        "none", description="initial backbone weights: none, imagenet, or a file's path in a spec"
    )

    head: str = Field(json_schema_extra=_name_in("head"), description="decode head")
    memory_length: int = Field(ge=0, description="past frames that the head reads")
    include_current_frame: bool = Field(description="the memory also holds the current frame")
    frame_stride: int = Field(1, ge=1, description="video frames between memory frames")
    head_channels: int = Field(512, ge=8, multiple_of=8, description="width of the head")
    dropout: float = Field(0.1, ge=0, lt=1, description="of whole channels, before the classifier")
    auxiliary_weight: float = Field(0.4, ge=0, description="weight of the auxiliary loss; 0 = off")
    auxiliary_channels: int = Field(256, ge=1, description="width of the auxiliary head")
    share_slots: bool | None = Field(
        None, description="one set of projections for all memory slots, not one each"
    )
    position_code: float | None = Field(
        None, ge=0, description="amplitude of the position code joined to queries and keys"
    )
    projection: Literal["1x1", "1x1+3x3"] | None = Field(
        None, description="convolutions that compute queries, keys and values"
    )
    attention_scale: bool | None = Field(
        None, description="divide attention's logits by the square root of the key width"
    )
    pooling: Literal["cube", "clip", "frame", "flat"] | None = Field(
        None, description="how pyramid tokens of the memory are pooled over time"
    )
    recurrence: int | None = Field(None, ge=1, description="rounds of criss-cross attention")
    attention_axes: str | None = Field(
        None, description="axes of criss-cross attention: column, row, time, joined by +"
    )
    deep_supervision: bool | None = Field(
        None, description="position and channel branch have a loss each"
    )
    afnb_into_dual: bool | None = Field(None, description="AFNB's output feeds both branches")
    pyramid_position: bool | None = Field(
        None, description="the position branch reads pyramid tokens of the memory"
    )

    steps: int = Field(
        ge=0,
        description="optimiser steps; 0 = scored only, weights then holds a whole trained network",
    )
    batch_size: int = Field(ge=1, description="clips per step")
    optimizer: str = Field(json_schema_extra=_name_in("optimizer"), description="update rule")
    learning_rate: float = Field(gt=0, description="the schedule's highest")
    momentum: float | None = Field(None, ge=0, lt=1, description="(sgd)")
    weight_decay: float = Field(5e-4, ge=0, description="on all parameters")
    gradient_clip: float = Field(0.0, ge=0, description="largest gradient norm; 0 = off")
    schedule: str = Field(
        "poly", json_schema_extra=_name_in("schedule"), description="of the learning rate"
    )
    poly_power: float | None = Field(None, gt=0, description="(poly)")
    final_learning_rate: float | None = Field(None, ge=0, description="(poly)")
    warmup_share: float | None = Field(
        None, gt=0, lt=1, description="share of the steps on which the rate rises (one_cycle)"
    )
    class_weights: Literal["none", "median_frequency"] | list[float] = Field(
        "none", description="weights of the classes in the loss; a list has one for each class"
    )
    ohem_threshold: float = Field(
        0.0,
        ge=0,
        le=1,
        description="only pixels whose true class is less probable than this count; 0 = all count",
    )
    ohem_min_share: float = Field(
        0.0625,
        gt=0,
        le=1,
        description="of the labelled pixels; so many of the hardest count anyway",
    )
    flip: bool = Field(True, description="mirror half of the training clips")
    scale_min: float = Field(1.0, gt=0, description="smallest zoom of a training clip")
    scale_max: float = Field(1.0, gt=0, description="largest zoom of a training clip")
    crop_width: int = Field(0, ge=0, description="pixels that are trained on; 0 = frame_width")
    crop_height: int = Field(0, ge=0, description="pixels that are trained on; 0 = frame_height")
    crop_max_class_share: float = Field(
        1.0, gt=0, le=1, description="a crop that one class fills to this share is drawn again"
    )
    photometric: Literal["none", "per_frame", "per_clip"] = Field(
        "none", description="distortion of brightness, contrast, saturation and hue"
    )
    freeze_norm: bool = Field(False, description="batch norm keeps its statistics in training")
    compile: bool = Field(False, description="training step through torch.compile")

    teacher: str = Field(
        "none",
        description="whose answers are learnt too: a cell in a spec, its trial_id in a trial",
    )
    distillation_weight: float = Field(
        0.0, ge=0, description="of the teacher's answers in the loss"
    )
    temperature: float = Field(1.0, gt=0, description="softens both answers in that loss")

    window: int = Field(
        0, ge=0, description="side of the square windows that are predicted; 0 = whole frames"
    )
    window_stride: int = Field(0, ge=0, description="pixels from window to window")
    precision: Literal["fp32", "bf16"] = Field(description="of the forward pass")
    eval_every: int = Field(0, ge=0, description="steps between scores on val; 0 = never")
    select: Literal["last", "best_val"] = Field(
        "last", description="which step's weights are scored"
    )
    scored_split: Literal["train", "val", "test"] = Field(
        "test", description="whose frames give the scores"
    )
    seed: int = Field(ge=0, description="of initial weights, sampling, augmentation and dropout")

    @model_validator(mode="before")
    @classmethod
    def _fill_defaults_of_choices(cls, settings: Any) -> Any:
        if not isinstance(settings, dict):
            return settings
        filled = dict(settings)
        for setting, table in catalog.CHOICES.items():
            name = filled.get(setting, cls.model_fields[setting].default)
            chosen = table.get(name) if isinstance(name, str) else None
            for option, default in chosen.options.items() if chosen else ():
                if filled.get(option) is None:
                    filled[option] = default
        return filled

    @model_validator(mode="after")
    def _names_are_known(self) -> Self:
        for setting, table in catalog.CHOICES.items():
            catalog.require(setting, getattr(self, setting), table)
        return self

    @model_validator(mode="after")
    def _options_are_taken(self) -> Self:
        taken = self._options()
        for option in _ALL_OPTIONS:
            value = getattr(self, option)
            if value is not None and option not in taken:
                raise ValueError(
                    f"'{option}' (it is {json.dumps(value)}) is only for {catalog.takers(option)}; "
                    f"remove it for {self._chosen_instead_of(option)}"
                )
        return self

    @model_validator(mode="after")
    def _memory_suits_head(self) -> Self:
        uses_memory = catalog.HEADS[self.head].uses_memory
        if not uses_memory and self.memory_length > 0:
            raise ValueError(
                f"head '{self.head}' sees the current frame only: "
                f"set memory_length to 0 (it is {self.memory_length})"
            )
        if not uses_memory and self.include_current_frame:
            raise ValueError(
                f"head '{self.head}' has no memory: set include_current_frame to false (it is true)"
            )
        if uses_memory and self.memory_length == 0 and not self.include_current_frame:
            raise ValueError(
                f"head '{self.head}' needs at least 1 memory frame: "
                "set memory_length above 0 (it is 0) or include_current_frame to true"
            )
        return self

    @model_validator(mode="after")
    def _current_frame_suits_head(self) -> Self:
        if catalog.HEADS[self.head].holds_current_frame and not self.include_current_frame:
            raise ValueError(
                f"the memory of head '{self.head}' always holds the current frame: "
                "set include_current_frame to true (it is false)"
            )
        return self

    @model_validator(mode="after")
    def _attention_suits_head(self) -> Self:
        row = catalog.HEADS[self.head]
        if self.attention_axes is not None:
            axes = self.attention_axes.split("+")
            allowed = [axis for axis in row.axes if axis in axes]
            if axes != allowed:
                raise ValueError(
                    f"attention_axes '{self.attention_axes}' is not a choice of head "
                    f"'{self.head}': join some of {', '.join(row.axes)} by +, in this order"
                )
            if "time" in row.axes and "time" not in axes:
                raise ValueError(
                    f"attention_axes '{self.attention_axes}' lacks time: head '{self.head}' "
                    "would not read its memory"
                )
        if self.pyramid_position is False and self.pooling != row.options["pooling"]:
            raise ValueError(
                f"pooling (it is {self.pooling}) means nothing without pyramid_position: "
                "remove it, or set pyramid_position to true"
            )
        return self

    @model_validator(mode="after")
    def _distillation_is_whole(self) -> Self:
        if self.teacher == "none" and (self.distillation_weight, self.temperature) != (0.0, 1.0):
            raise ValueError(
                f"distillation_weight ({self.distillation_weight}) and temperature "
                f"({self.temperature}) mean nothing without a teacher"
            )
        if self.teacher != "none" and self.distillation_weight == 0:
            raise ValueError(
                f"teacher '{self.teacher}' teaches nothing: set distillation_weight above 0"
            )
        return self

    @model_validator(mode="after")
    def _settings_agree(self) -> Self:
        smallest = catalog.HEADS[self.head].smallest_batch
        if self.batch_size < smallest:
            raise ValueError(
                f"head '{self.head}' needs a batch_size of at least {smallest} "
                f"(it is {self.batch_size}): its batch norm sees one cell a clip"
            )
        if self.scale_min > self.scale_max:
            raise ValueError(f"scale_min ({self.scale_min}) is above scale_max ({self.scale_max})")
        whole = (self.window, self.window_stride) == (0, 0)
        if not whole and not 0 < self.window_stride <= self.window:
            raise ValueError(
                f"window ({self.window}) and window_stride ({self.window_stride}) go together: the "
                "stride is at least 1 and at most the window, or both are 0"
            )
        if isinstance(self.class_weights, list):
            self._check_class_weights(self.class_weights)
        if self.ohem_threshold == 0 and self.ohem_min_share != _DEFAULTS["ohem_min_share"]:
            raise ValueError(
                f"ohem_min_share (it is {self.ohem_min_share}) means nothing without "
                "ohem_threshold (it is 0)"
            )
        if self.select == "best_val" and self.eval_every == 0:
            raise ValueError("select: best_val needs eval_every above 0 (it is 0)")
        if self.weights == "imagenet" and not catalog.BACKBONES[self.backbone].imagenet:
            raise ValueError(
                f"there are no imagenet weights for backbone '{self.backbone}': "
                "set weights to none or to a file"
            )
        if self.weights == "imagenet" and self.width != 64:
            raise ValueError(f"imagenet weights are for width 64: it is {self.width}")
        return self

    def _check_class_weights(self, weights: list[float]) -> None:
        classes = self.class_names
        if len(weights) != len(classes):
            raise ValueError(
                f"class_weights has {len(weights)} entries, dataset '{self.dataset}' has "
                f"{len(classes)} classes: {', '.join(classes)}"
            )
        if min(weights) < 0 or max(weights) == 0:
            raise ValueError(f"class_weights must be 0 or above, one above 0 (it is {weights})")

    @model_validator(mode="after")
    def _folder_is_described(self) -> Self:
        if self.dataset == "folder" and not (self.dataset_file and self.classes):
            raise ValueError(
                "dataset 'folder' needs dataset_file: the path of the YAML that describes it"
            )
        return self

    @model_validator(mode="after")
    def _weights_are_contents(self) -> Self:
        hexadecimal = self.weights.removeprefix("sha256:")
        is_digest = len(hexadecimal) == 64 and set(hexadecimal) <= set("0123456789abcdef")
        if self.weights not in ("none", "imagenet") and not is_digest:
            raise ValueError(
                f"weights '{self.weights}' is neither none, imagenet nor sha256:<64 hex digits>; "
                "a path is allowed in a spec only"
            )
        return self

    @model_validator(mode="after")
    def _untrained_is_whole(self) -> Self:
        if self.steps > 0:
            return self
        if not self.weights.startswith("sha256:"):
            raise ValueError(
                f"steps is 0, so nothing is trained: set weights to a file that holds the whole "
                f"network (it is {self.weights}), or steps above 0"
            )
        if self.teacher != "none":
            raise ValueError(
                f"teacher '{self.teacher}' teaches nothing in 0 steps: remove it, or set steps "
                "above 0"
            )
        if self.select != "last":
            raise ValueError(f"select: {self.select} means nothing in 0 steps: remove it")
        return self

    @property
    def trial_id(self) -> str:
        """12 hexadecimal digits that follow from the settings that differ from their defaults.

        Defaults stay out so that a setting added later does not turn old trials into new ones.
        The price: a default, once released, never changes.
        """
        options = self._options()
        stated = {
            name: value
            for name, value in self.settings().items()
            if value != options.get(name, _DEFAULTS.get(name))
        }
        text = json.dumps(stated, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @property
    def memory_slots(self) -> int:
        """Frames in the memory: the past ones, and the current one if it is included."""
        return self.memory_length + int(self.include_current_frame)

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes that are trained and scored, in the order of the label values."""
        row = catalog.DATASETS[self.dataset]
        if self.classes is not None:
            return tuple(self.classes)
        return tuple(row.with_void() if self.void_class else row.classes)

    @property
    def void_index(self) -> int | None:
        """The label value of void where it is a class, else None."""
        names = self.class_names
        return names.index(catalog.VOID) if catalog.VOID in names else None

    def settings(self) -> dict[str, Any]:
        """Every setting that applies to this trial, defaults included, as JSON values."""
        return self.model_dump(exclude_none=True)

    def chosen_options(self, setting: str) -> dict[str, Any]:
        """The values of the options of one choice, for example of its head."""
        choice = catalog.CHOICES[setting][getattr(self, setting)]
        return {option: getattr(self, option) for option in choice.options}

    def _options(self) -> dict[str, Any]:
        """Option -> default, for all choices made."""
        return {
            option: default
            for setting, table in catalog.CHOICES.items()
            for option, default in table[getattr(self, setting)].options.items()
        }

    def _chosen_instead_of(self, option: str) -> str:
        setting = next(
            setting
            for setting, table in catalog.CHOICES.items()
            if any(option in choice.options for choice in table.values())
        )
        return f"{setting} {getattr(self, setting)}"


_ALL_OPTIONS = sorted(
    {option for t in catalog.CHOICES.values() for choice in t.values() for option in choice.options}
)
_DEFAULTS = {
    name: field.default
    for name, field in TrialConfig.model_fields.items()
    if not field.is_required()
}


def parse(settings: dict[str, Any]) -> TrialConfig:
    """Check settings and make a trial of them.

    Raises:
        UserError: one line that names each culprit, shows its value and says what to write.
    """
    try:
        return TrialConfig(**settings)
    except ValidationError as error:
        raise UserError("; ".join(describe(e, TrialConfig) for e in error.errors())) from None


def describe(error: ErrorDetails, model: type[BaseModel]) -> str:
    """One of pydantic's errors as a sentence a user can act on."""
    place = ".".join(str(part) for part in error["loc"])
    match error["type"]:
        case "extra_forbidden":
            known = _fields_at(error["loc"][:-1], model)
            close = catalog.did_you_mean(str(error["loc"][-1]), known)
            return f"unknown setting '{place}'{close or '; known: ' + catalog.listed(known)}"
        case "missing":
            return f"'{place}' is missing: it has no default, state it"
        case "value_error":
            text = error["msg"].removeprefix("Value error, ")
            return f"'{place}': {text}" if place else text
        case _:
            return f"'{place}': {_lower_first(error['msg'])} (it is {error['input']!r})"


def _fields_at(place: tuple[int | str, ...], model: type[BaseModel]) -> Mapping[str, FieldInfo]:
    """The fields that are allowed at a place in a nested model."""
    for part in place:
        inner = model.model_fields[str(part)].annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            model = inner
    return model.model_fields


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]

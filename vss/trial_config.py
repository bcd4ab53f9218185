"""The settings of one trial, and the identity that follows from them. Imports no torch.

Settings are flat and closed: a grid key of a spec, a parameter in MLflow and a column of a table
have the same name. Settings that ablations compare have no default: specs state them.
"""

import hashlib
import json
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from vss import catalog
from vss.errors import UserError
from vss.suggestions import require_known
from vss.trial_rules import WEIGHT_PARTS, check_rules
from vss.validation_errors import describe_validation_error

LARGEST_NUMBER = 2**31 - 1  # of a whole number in the ledger
MOST_CLASSES = 255  # of 8-bit labels; the value that is left means "ignored"
# Far above what anybody trains, and below what torch and numpy fail on.
_Pixels = Annotated[int, Field(le=2**14)]
_Channels = Annotated[int, Field(le=2**16)]
_Number = Annotated[int, Field(ge=0, le=LARGEST_NUMBER)]
_Amount = Annotated[float, Field(ge=0, le=1e30)]
_Positive = Annotated[float, Field(gt=0, le=1e30)]


def _name_schema(setting: str) -> Any:
    """Return a JSON schema hint that lets editors offer the known names."""
    return {"enum": sorted(catalog.CHOICES[setting])}


class TrialConfig(BaseModel):
    """The settings that decide the outcome of one trial.

    A setting that applies only to some heads, datasets, optimizers or schedules is None for the
    others.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, str_max_length=200
    )

    dataset: str = Field(
        json_schema_extra=_name_schema("dataset"), description="the data to segment"
    )
    frame_width: _Pixels = Field(ge=16, description="width to resize frames to, in pixels")
    frame_height: _Pixels = Field(ge=16, description="height to resize frames to, in pixels")
    clips: int | None = Field(
        None, ge=1, le=1_000_000, description="number of training clips (synthetic)"
    )
    void_class: bool | None = Field(
        None, description="train on void as the first class instead of ignoring it (camvid)"
    )

    dataset_file: str | None = Field(
        None, description="YAML file that describes the data; in a spec, its path (folder)"
    )
    classes: Annotated[list[str], Field(max_length=MOST_CLASSES)] | None = Field(
        None, description="class names in the order of the label values, from dataset_file (folder)"
    )

    backbone: str = Field(json_schema_extra=_name_schema("backbone"), description="image encoder")
    width: _Channels = Field(64, ge=4, description="channels of the first stage; 64 is standard")
    output_stride: Literal[8, 16, 32] = Field(
        8, description="input pixels per pixel of the feature map, along each side"
    )
    weights: str = Field(
        "none",
        description="initial weights of the backbone: none, imagenet or, in a spec, a path; or "
        "those that another cell ends with",
    )

    head: str = Field(json_schema_extra=_name_schema("head"), description="decode head")
    memory_length: int = Field(ge=0, le=1000, description="past frames that the head reads")
    include_current_frame: bool = Field(description="add the current frame to the memory")
    frame_stride: int = Field(
        1, ge=1, le=1_000_000, description="video frames between memory frames"
    )
    head_channels: _Channels = Field(512, ge=8, multiple_of=8, description="channels of the head")
    dropout: float = Field(
        0.1, ge=0, lt=1, description="probability of dropping a channel before the classifier"
    )
    auxiliary_weight: _Amount = Field(0.4, description="weight of the auxiliary loss; 0 = off")
    auxiliary_channels: _Channels = Field(256, ge=1, description="channels of the auxiliary head")
    share_slots: bool | None = Field(
        None, description="share one set of projections among all memory slots"
    )
    position_code: _Amount | None = Field(
        None, description="amplitude of the position code in queries and keys; 0 = off"
    )
    projection: Literal["1x1", "1x1+3x3"] | None = Field(
        None, description="convolutions that compute queries, keys and values"
    )
    attention_scale: bool | None = Field(
        None, description="divide attention logits by the square root of the key channels"
    )
    pooling: Literal["cube", "clip", "frame", "flat"] | None = Field(
        None, description="how to pool the pyramid tokens of the memory over time"
    )
    recurrence: int | None = Field(
        None, ge=1, le=1000, description="rounds of criss-cross attention"
    )
    attention_axes: str | None = Field(
        None, description="axes of criss-cross attention: column, row and time, joined with +"
    )
    deep_supervision: bool | None = Field(
        None, description="give the position and the channel branch a loss each"
    )
    afnb_into_dual: bool | None = Field(None, description="feed AFNB's output to both branches")
    pyramid_position: bool | None = Field(
        None, description="let the position branch attend to pyramid tokens of the memory"
    )

    steps: _Number = Field(
        description="optimiser steps; 0 = only score the trained network in weights"
    )
    stop_step: _Number = Field(
        0, description="step after which training stops early, as in a search; 0 = after all"
    )
    batch_size: int = Field(ge=1, le=1_000_000, description="clips per step")
    optimizer: str = Field(json_schema_extra=_name_schema("optimizer"), description="update rule")
    learning_rate: _Positive = Field(description="highest rate of the schedule")
    momentum: float | None = Field(
        None, ge=0, lt=1, description="fraction of the previous update that is added (sgd)"
    )
    weight_decay: _Amount = Field(5e-4, description="shrinks all parameters at every step")
    gradient_clip: _Amount = Field(0.0, description="largest gradient norm; 0 = no limit")
    schedule: str = Field(
        "poly",
        json_schema_extra=_name_schema("schedule"),
        description="how the learning rate changes over the steps",
    )
    poly_power: _Positive | None = Field(None, description="exponent of the decay (poly)")
    final_learning_rate: _Amount | None = Field(
        None, description="lowest rate of the schedule (poly)"
    )
    warmup_share: float | None = Field(
        None, gt=0, lt=1, description="fraction of the steps in which the rate rises (one_cycle)"
    )
    class_weights: (
        Literal["none", "median_frequency"] | Annotated[list[float], Field(max_length=MOST_CLASSES)]
    ) = Field("none", description="weights of the classes in the loss; a list has one per class")
    ohem_threshold: float = Field(
        0.0,
        ge=0,
        le=1,
        description="train only on pixels whose true class is less probable than this; 0 = all",
    )
    ohem_min_share: float = Field(
        0.0625,
        gt=0,
        le=1,
        description="fraction of the labelled pixels, the hardest ones, to train on in any case",
    )
    flip: bool = Field(True, description="mirror half of the training clips")
    scale_min: float = Field(1.0, ge=0.01, le=100, description="smallest zoom of a training clip")
    scale_max: float = Field(1.0, ge=0.01, le=100, description="largest zoom of a training clip")
    crop_width: _Pixels = Field(0, ge=0, description="width of training crops; 0 = frame_width")
    crop_height: _Pixels = Field(0, ge=0, description="height of training crops; 0 = frame_height")
    crop_max_class_share: float = Field(
        1.0, gt=0, le=1, description="redraw crops in which one class fills this fraction"
    )
    photometric: Literal["none", "per_frame", "per_clip"] = Field(
        "none", description="distort brightness, contrast, saturation and hue"
    )
    freeze_norm: bool = Field(False, description="keep batch norm statistics fixed in training")
    compile: bool = Field(False, description="run training steps through torch.compile")

    teacher: str = Field(
        "none", description="trial to learn from by distillation; in a spec, the name of a cell"
    )
    distillation_weight: _Amount = Field(
        0.0, description="weight of the distillation loss; 0 = off"
    )
    temperature: _Positive = Field(
        1.0, description="divides the logits of teacher and student in the distillation loss"
    )

    window: _Pixels = Field(
        0, ge=0, description="side of the sliding windows used in scoring; 0 = whole frames"
    )
    window_stride: _Pixels = Field(0, ge=0, description="pixels from one window to the next")
    precision: Literal["fp32", "bf16"] = Field(description="number format of forward passes")
    eval_every: _Number = Field(0, description="steps between evaluations on val; 0 = never")
    select: Literal["last", "best_val"] = Field("last", description="step whose weights are scored")
    scored_split: Literal["train", "val", "test"] = Field(
        "test", description="split that is scored"
    )
    seed: _Number = Field(
        description="seed of initial weights, batch order, augmentation and dropout"
    )

    @model_validator(mode="before")
    @classmethod
    def _fill_option_defaults(cls, settings: Any) -> Any:
        if not isinstance(settings, dict):
            return settings
        complete = dict(settings)
        for setting, table in catalog.CHOICES.items():
            name = complete.get(setting, cls.model_fields[setting].default)
            if isinstance(name, str):  # a wrong one is named, not the options that it lacks
                options = table[require_known(setting, name, table)].options
                complete |= {o: value for o, value in options.items() if complete.get(o) is None}
        return complete

    @model_validator(mode="after")
    def _follows_the_rules(self) -> Self:
        check_rules(self)
        return self

    @property
    def trial_id(self) -> str:
        """The identity: 12 hexadecimal digits that follow from the settings that are not defaults.

        Defaults are left out so that a setting added later does not turn old trials into new ones.
        The price is that a released default can never change. A head's revision counts as a
        setting: once its scores change, its old trials no longer represent these settings.
        """
        options = self.option_defaults()
        non_default_settings = {
            name: value
            for name, value in self.settings().items()
            if value != options.get(name, _DEFAULTS.get(name))
        }
        if revision := catalog.HEADS[self.head].revision:
            non_default_settings["head_revision"] = revision
        text = json.dumps(non_default_settings, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @property
    def last_step(self) -> int:
        """The number of steps that are trained; the schedule may be longer."""
        return self.stop_step or self.steps

    @property
    def sources(self) -> dict[str, str]:
        """The trials that must finish before this one starts: setting -> trial_id.

        The settings that name them are `teacher`, and `weights` if they are those of a trial.
        """
        sources = {} if self.teacher == "none" else {"teacher": self.teacher}
        part, _, trial_id = self.weights.partition(":")
        return {**sources, "weights": trial_id} if part in WEIGHT_PARTS else sources

    @property
    def memory_slots(self) -> int:
        """The frames in the memory: the past ones, and the current one if it is included."""
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
        """The label value of void if void is a class, else None."""
        names = self.class_names
        return names.index(catalog.VOID) if catalog.VOID in names else None

    def settings(self) -> dict[str, Any]:
        """Return every setting that applies to this trial, including defaults, as JSON values."""
        return self.model_dump(exclude_none=True)

    def chosen_options(self, setting: str) -> dict[str, Any]:
        """Return the values of one choice's options, for example those of the head."""
        choice = catalog.CHOICES[setting][getattr(self, setting)]
        return {option: getattr(self, option) for option in choice.options}

    def option_defaults(self) -> dict[str, Any]:
        """Return the options of all of this trial's choices, with their defaults."""
        return {
            option: default
            for setting, table in catalog.CHOICES.items()
            for option, default in table[getattr(self, setting)].options.items()
        }


_DEFAULTS = {
    name: field.default
    for name, field in TrialConfig.model_fields.items()
    if not field.is_required()
}


def parse_settings(settings: dict[str, Any]) -> TrialConfig:
    """Check settings and build a trial's config from them.

    Raises:
        UserError: in one line, naming each culprit with its value and a remedy.
    """
    try:
        return TrialConfig(**settings)
    except ValidationError as error:
        raise UserError(describe_validation_error(error, TrialConfig)) from None

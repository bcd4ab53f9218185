"""Every name that a spec may use, with its code and its options. Imports no torch.

To add a head, a backbone or a dataset, add a row: specs are checked against these tables, `vss-orch
names` prints them, and the contract tests cover them.
"""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Choice:
    """A possible value of a setting, with the settings that apply only to it.

    Attributes:
        source: the publication it comes from, or a description.
        options: setting -> default; trials with a different choice must not set them.
    """

    source: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Backbone(Choice):
    """An image encoder.

    Attributes:
        build: the "module:function" that builds it.
        has_imagenet_weights: whether torchvision has ImageNet weights for it.
    """

    build: str = ""
    has_imagenet_weights: bool = False


@dataclass(frozen=True)
class Head(Choice):
    """A decode head.

    Attributes:
        build: the "module:class" that implements it.
        uses_memory: whether it reads past frames.
        requires_current_frame: whether its memory must include the current frame.
        fixed_arguments: arguments of the class that distinguish this head.
        axes: the possible axes of its criss-cross attention.
        smallest_batch: the smallest batch that can train its batch norms.
        revision: part of its trials' identity unless 0; incremented when new code changes scores.
    """

    build: str = ""
    uses_memory: bool = False
    requires_current_frame: bool = False
    fixed_arguments: Mapping[str, Any] = field(default_factory=dict)
    axes: tuple[str, ...] = ()
    smallest_batch: int = 1
    revision: int = 0


@dataclass(frozen=True)
class Dataset(Choice):
    """A labelled video dataset.

    Attributes:
        load: the "module:function" that lists its frames.
        classes: name -> RGB colour, in the order of the label values 0, 1, ...; other values
            are not scored.
        needs_path: whether the user must name its folder (`--data NAME=PATH` or VSS_DATA).
    """

    load: str = ""
    classes: Mapping[str, tuple[int, int, int]] = field(default_factory=dict)
    needs_path: bool = True

    def with_void(self) -> dict[str, tuple[int, int, int]]:
        """Return the classes with void first, in the order of TMANet's CamVid."""
        return {VOID: VOID_COLOUR, **self.classes}


# Pixels without a class: their name if they count as a class, and their colour in pictures.
VOID, VOID_COLOUR = "Void", (0, 0, 0)

BACKBONES: dict[str, Backbone] = {
    f"resnet{depth}{suffix}": Backbone(
        source=f"He et al. 2016, {variant}, dilated",
        build=f"vss.models.backbones:resnet{depth}{suffix}",
        has_imagenet_weights=suffix == "",
    )
    for suffix, variant in (
        ("", "as in torchvision"),
        ("_v1c", "with the deep stem of the OpenMMLab toolboxes and of TMANet"),
    )
    for depth in (18, 34, 50, 101)
}

# Options of heads with temporal attention, and of heads with criss-cross attention.
_TEMPORAL = {
    "share_slots": False,
    "position_code": 0.0,
    "projection": "1x1+3x3",
    "attention_scale": False,
}
_CRISS_CROSS = {"recurrence": 2, "projection": "1x1", "attention_scale": False}

HEADS: dict[str, Head] = {
    "fcn": Head(
        source="Long et al. 2015: one 3x3 convolution and a classifier",
        build="vss.models.heads.image:FCNHead",
    ),
    "psp": Head(
        source="Zhao et al. 2017: pyramid pooling with 1, 2, 3 and 6 bins",
        build="vss.models.heads.image:PSPHead",
        smallest_batch=2,
    ),
    "nonlocal": Head(
        source="Wang et al. 2018: embedded Gaussian attention in the current frame",
        build="vss.models.heads.image:NonLocalHead",
        options={"attention_scale": True},
        revision=1,  # the output convolution is initialised as in the toolbox
    ),
    "danet": Head(
        source="Fu et al. 2019 (DANet): attention over positions and over channels",
        build="vss.models.heads.dual:DANetHead",
        options={"attention_scale": False},
    ),
    "ccnet": Head(
        source="Huang et al. 2019 (CCNet): attention along rows and columns, repeated",
        build="vss.models.heads.criss_cross:CCNetHead",
        options={"attention_axes": "column+row", **_CRISS_CROSS},
        axes=("column", "row"),
    ),
    "ann": Head(
        source="Zhu et al. 2019 (ANN): AFNB fuses stages 4 and 5, APNB attends to pooled pixels",
        build="vss.models.heads.asymmetric:ANNHead",
        revision=1,  # AFNB's bottleneck is initialised as in the toolbox
    ),
    "tma": Head(
        source="Wang et al. 2021 (TMANet): temporal memory attention",
        build="vss.models.heads.tma:TMAHead",
        uses_memory=True,
        options=_TEMPORAL,
    ),
    "apnb_tma": Head(
        source="Chen et al. 2021, 2.1: TMA over pyramid tokens of the memory",
        build="vss.models.heads.tma:TMAHead",
        uses_memory=True,
        options={"pooling": "cube", **_TEMPORAL},
    ),
    "afnb_tma": Head(
        source="Chen et al. 2021, 2.2: AFNB in the current frame, then TMA",
        build="vss.models.heads.tma:TMAHead",
        uses_memory=True,
        options=_TEMPORAL,
        fixed_arguments={"fuse_stages": True},
        revision=1,  # AFNB's bottleneck is initialised as in the toolbox
    ),
    "asym_tma": Head(
        source="Chen et al. 2021, 2.2: AFNB in the current frame, then TMA over pyramid tokens",
        build="vss.models.heads.tma:TMAHead",
        uses_memory=True,
        options={"pooling": "cube", **_TEMPORAL},
        fixed_arguments={"fuse_stages": True},
        revision=1,  # AFNB's bottleneck is initialised as in the toolbox
    ),
    "cc3d": Head(
        source="Huang et al. 2020: criss-cross attention along rows, columns and time",
        build="vss.models.heads.criss_cross:CC3DHead",
        uses_memory=True,
        requires_current_frame=True,
        options={"attention_axes": "column+row+time", **_CRISS_CROSS},
        axes=("column", "row", "time"),
    ),
    "cc_tma": Head(
        source="Chen et al. 2021, 2.3: criss-cross in the current frame, plus attention along time",
        build="vss.models.heads.criss_cross:CCTMAHead",
        uses_memory=True,
        options={"attention_axes": "column+row+time", **_CRISS_CROSS},
        axes=("column", "row", "time"),
    ),
    "da_tma": Head(
        source="Chen et al. 2021: TMA as position attention, plus channel attention",
        build="vss.models.heads.dual:DualMemoryHead",
        uses_memory=True,
        options={"deep_supervision": True, **_TEMPORAL},
    ),
    "da_asym_tma": Head(
        source="Chen et al. 2021: the same on top of AFNB, over pyramid tokens",
        build="vss.models.heads.dual:DualMemoryHead",
        uses_memory=True,
        options={
            "deep_supervision": True,
            "afnb_into_dual": True,
            "pyramid_position": True,
            "pooling": "cube",
            **_TEMPORAL,
        },
        revision=1,  # AFNB's bottleneck is initialised as in the toolbox
    ),
}

DATASETS: dict[str, Dataset] = {
    "camvid": Dataset(
        source="Brostow et al. 2009: the official, TMANet's or the 480x360 layout",
        load="vss.data.camvid.dataset:load",
        classes={
            "Sky": (128, 128, 128),
            "Building": (128, 0, 0),
            "Pole": (192, 192, 128),
            "Road": (128, 64, 128),
            "Pavement": (0, 0, 192),
            "Tree": (128, 128, 0),
            "SignSymbol": (192, 128, 128),
            "Fence": (64, 64, 128),
            "Car": (64, 0, 128),
            "Pedestrian": (64, 64, 0),
            "Bicyclist": (0, 128, 192),
        },
        options={"void_class": False},
    ),
    "cityscapes": Dataset(
        source="Cordts et al. 2016: leftImg8bit_sequence and gtFine, train and val",
        load="vss.data.cityscapes:load",
        classes={
            "road": (128, 64, 128),
            "sidewalk": (244, 35, 232),
            "building": (70, 70, 70),
            "wall": (102, 102, 156),
            "fence": (190, 153, 153),
            "pole": (153, 153, 153),
            "traffic light": (250, 170, 30),
            "traffic sign": (220, 220, 0),
            "vegetation": (107, 142, 35),
            "terrain": (152, 251, 152),
            "sky": (70, 130, 180),
            "person": (220, 20, 60),
            "rider": (255, 0, 0),
            "car": (0, 0, 142),
            "truck": (0, 0, 70),
            "bus": (0, 60, 100),
            "train": (0, 80, 100),
            "motorcycle": (0, 0, 230),
            "bicycle": (119, 11, 32),
        },
    ),
    "folder": Dataset(
        source="your own data, described by a YAML file (docs/data.md)",
        load="vss.data.custom.dataset:load",
        needs_path=False,  # dataset_file states the folder
        options={"dataset_file": None, "classes": None},
    ),
    "synthetic": Dataset(
        source="rendered on the fly: a drive whose individual frames are often unreadable",
        load="vss.data.synthetic.dataset:load",
        classes={
            "Sky": (150, 190, 235),
            "Building": (165, 75, 60),
            "Road": (95, 95, 100),
            "Pavement": (190, 165, 150),
            "Verge": (105, 150, 60),
            "Tree": (30, 85, 35),
            "Car": (200, 40, 160),
            "Pedestrian": (245, 120, 20),
        },
        needs_path=False,
        options={"clips": 150},
    ),
}

OPTIMIZERS: dict[str, Choice] = {
    "sgd": Choice(source="stochastic gradient descent", options={"momentum": 0.9}),
    "adamw": Choice(source="Loshchilov and Hutter 2019, betas 0.9 and 0.999"),
}

SCHEDULES: dict[str, Choice] = {
    "poly": Choice(
        source="(1 - step/steps)^poly_power, as in the DeepLab family",
        options={"poly_power": 0.9, "final_learning_rate": 0.0},
    ),
    "one_cycle": Choice(
        source="Smith 2018: cosine from a 25th of the highest rate up to it, then down to almost 0",
        options={"warmup_share": 0.3},
    ),
}

# Settings whose value is a name from a table, in the order in which they are checked.
CHOICES: dict[str, Mapping[str, Choice]] = {
    "dataset": DATASETS,
    "backbone": BACKBONES,
    "head": HEADS,
    "optimizer": OPTIMIZERS,
    "schedule": SCHEDULES,
}


def resolve(reference: str) -> Any:
    """Import the "module:attribute" that a row refers to."""
    module, _, attribute = reference.partition(":")
    return getattr(importlib.import_module(module), attribute)

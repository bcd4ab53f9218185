"""Every name that a spec may use, where it lives and what it takes. Imports nothing heavy.

One row adds a head, a backbone or a dataset: specs are checked against these tables, `vss-orch
names` prints them, and the contract tests run over them.
"""

import difflib
import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Choice:
    """One value that a setting may name, with the further settings that only it takes.

    Attributes:
        source: where it was published, or what it is.
        options: setting -> default. A trial that names another choice may not give them.
    """

    source: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Backbone(Choice):
    """An image encoder.

    Attributes:
        build: the "module:function" that makes it.
        imagenet: torchvision has ImageNet weights for it.
    """

    build: str = ""
    imagenet: bool = False


@dataclass(frozen=True)
class Head(Choice):
    """A decode head.

    Attributes:
        build: the "module:class".
        uses_memory: it reads past frames.
        holds_current_frame: its memory always holds the current frame too.
        fixed: arguments of the class that make this head of it.
        axes: those that its criss-cross attention may take.
        smallest_batch: below it, batch norm over single cells of the head cannot be trained.
    """

    build: str = ""
    uses_memory: bool = False
    holds_current_frame: bool = False
    fixed: Mapping[str, Any] = field(default_factory=dict)
    axes: tuple[str, ...] = ()
    smallest_batch: int = 1


@dataclass(frozen=True)
class Dataset(Choice):
    """A dataset; `load` is the "module:function" that lists its frames.

    Attributes:
        classes: name -> RGB colour, in the order of the label values 0, 1, ...; other values
            are not scored.
        needs_path: whether the user says where it lies (`--data NAME=PATH` or VSS_DATA).
    """

    load: str = ""
    classes: Mapping[str, tuple[int, int, int]] = field(default_factory=dict)
    needs_path: bool = True

    def with_void(self) -> dict[str, tuple[int, int, int]]:
        """The classes with void as label value 0, in front: the order of TMANet's CamVid."""
        return {VOID: VOID_COLOUR, **self.classes}


# Void: pixels without a class, where they count as one and where they are drawn.
VOID, VOID_COLOUR = "Void", (0, 0, 0)

BACKBONES: dict[str, Backbone] = {
    f"resnet{depth}{form}": Backbone(
        source=f"He et al. 2016, {source}, dilated",
        build=f"vss.models.backbones:resnet{depth}{form}",
        imagenet=form == "",
    )
    for form, source in (
        ("", "torchvision's form"),
        ("_v1c", "with the deep stem of the OpenMMLab toolboxes and of TMANet"),
    )
    for depth in (18, 34, 50, 101)
}

# Options of the heads that read the memory by temporal attention, and by criss-cross attention.
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
        source="Zhao et al. 2017: pyramid pooling over 1, 2, 3 and 6 bins",
        build="vss.models.heads.image:PSPHead",
        smallest_batch=2,
    ),
    "nonlocal": Head(
        source="Wang et al. 2018: embedded-Gaussian attention in the current frame",
        build="vss.models.heads.image:NonLocalHead",
        options={"attention_scale": True},
    ),
    "danet": Head(
        source="Fu et al. 2019 (DANet): attention over positions and over channels",
        build="vss.models.heads.dual:DANetHead",
        options={"attention_scale": False},
    ),
    "ccnet": Head(
        source="Huang et al. 2019 (CCNet): attention along row and column, repeated",
        build="vss.models.heads.criss_cross:CCNetHead",
        options={"attention_axes": "column+row", **_CRISS_CROSS},
        axes=("column", "row"),
    ),
    "ann": Head(
        source="Zhu et al. 2019 (ANN): AFNB reads stage 4 into stage 5, APNB reads pooled pixels",
        build="vss.models.heads.asymmetric:ANNHead",
    ),
    "tma": Head(
        source="Wang et al. 2021 (TMANet): temporal memory attention",
        build="vss.models.heads.tma:TMAHead",
        uses_memory=True,
        options=_TEMPORAL,
    ),
    "apnb_tma": Head(
        source="Chen et al. 2021, 2.1: TMA that reads pyramid tokens of the memory",
        build="vss.models.heads.tma:TMAHead",
        uses_memory=True,
        options={"pooling": "cube", **_TEMPORAL},
    ),
    "afnb_tma": Head(
        source="Chen et al. 2021, 2.2: AFNB on the current frame, then TMA",
        build="vss.models.heads.tma:TMAHead",
        uses_memory=True,
        options=_TEMPORAL,
        fixed={"fuse_stages": True},
    ),
    "asym_tma": Head(
        source="Chen et al. 2021, 2.2: AFNB on the current frame, then TMA over pyramid tokens",
        build="vss.models.heads.tma:TMAHead",
        uses_memory=True,
        options={"pooling": "cube", **_TEMPORAL},
        fixed={"fuse_stages": True},
    ),
    "cc3d": Head(
        source="Huang et al. 2020: criss-cross attention of all frames over row, column and time",
        build="vss.models.heads.criss_cross:CC3DHead",
        uses_memory=True,
        holds_current_frame=True,
        options={"attention_axes": "column+row+time", **_CRISS_CROSS},
        axes=("column", "row", "time"),
    ),
    "cc_tma": Head(
        source="Chen et al. 2021, 2.3: criss-cross in the current frame, the memory beside it",
        build="vss.models.heads.criss_cross:CCTMAHead",
        uses_memory=True,
        options={"attention_axes": "column+row+time", **_CRISS_CROSS},
        axes=("column", "row", "time"),
    ),
    "da_tma": Head(
        source="Chen et al. 2021, 2.4: TMA as position attention, beside channel attention",
        build="vss.models.heads.dual:DualMemoryHead",
        uses_memory=True,
        options={"deep_supervision": True, **_TEMPORAL},
    ),
    "da_asym_tma": Head(
        source="Chen et al. 2021, 2.4: dual attention on top of AFNB, over pyramid tokens",
        build="vss.models.heads.dual:DualMemoryHead",
        uses_memory=True,
        options={
            "deep_supervision": True,
            "afnb_into_dual": True,
            "pyramid_position": True,
            "pooling": "cube",
            **_TEMPORAL,
        },
    ),
}

DATASETS: dict[str, Dataset] = {
    "camvid": Dataset(
        source="Brostow et al. 2009: the official release, TMANet's form or the 480x360 index form",
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
        source="your own: any video dataset that a YAML file describes (docs/data.md)",
        load="vss.data.custom.dataset:load",
        needs_path=False,  # the file says where it lies
        options={"dataset_file": None, "classes": None},
    ),
    "synthetic": Dataset(
        source="rendered on the spot: a drive whose single frames are often unreadable",
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
        source="(1 - step/steps)^power, as in the DeepLab family",
        options={"poly_power": 0.9, "final_learning_rate": 0.0},
    ),
    "one_cycle": Choice(
        source="Smith 2018: cosine up from a 25th, cosine down to near 0",
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


def require(kind: str, name: str, known: Mapping[str, object]) -> str:
    """Return `name` if it is known.

    Raises:
        ValueError: naming the closest known name, and all of them.
    """
    if name in known:
        return name
    raise ValueError(f"unknown {kind} '{name}'{did_you_mean(name, known)}; known: {listed(known)}")


def implied(settings: Mapping[str, Any]) -> list[str]:
    """The options among a trial's settings that have the default of what takes them."""
    chosen = [table.get(settings.get(setting, "")) for setting, table in CHOICES.items()]
    return [
        option
        for choice in chosen
        if choice is not None
        for option, default in choice.options.items()
        if settings.get(option) == default
    ]


def did_you_mean(name: str, known: Mapping[str, object]) -> str:
    """Say which known name is closest, or nothing if none is close."""
    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean '{close[0]}'?" if close else ""


def listed(names: Mapping[str, object]) -> str:
    """The names in order, joined by commas."""
    return ", ".join(sorted(names))


def takers(option: str) -> str:
    """Which choices take an option, for example "head tma, apnb_tma"."""
    found = {
        setting: [name for name, choice in table.items() if option in choice.options]
        for setting, table in CHOICES.items()
    }
    return ", ".join(f"{setting} {', '.join(names)}" for setting, names in found.items() if names)


def resolve(reference: str) -> Any:
    """Import what a row's "module:attribute" refers to."""
    module, _, attribute = reference.partition(":")
    return getattr(importlib.import_module(module), attribute)

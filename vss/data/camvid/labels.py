"""CamVid's 32 official label colours, and which of the 11 classes each belongs to.

Colours: label_colors.txt of the official release (Brostow et al. 2009). Groups: MathWorks'
camvidPixelLabelIDs, "following the original SegNet training methodology"; TMANet's own table is
the same. There is no single official grouping: others make Archway, Bridge, Tunnel, Child, Animal,
CartLuggagePram, Train, OtherMoving and TrafficCone void, and RoadShoulder road.
Label values here are those of the 480x360 index form: 0 Sky to 10 Bicyclist, 11 void.
"""

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vss import catalog
from vss.errors import UserError
from vss.media.image import Image, read_image

VOID = 11
# Pixels of other colours are void; more of them than this share, and it is not a CamVid label.
STRAY_SHARE = 0.001

# Official class -> (its colour, the class it is part of).
GROUPS: dict[str, tuple[tuple[int, int, int], str]] = {
    "Animal": ((64, 128, 64), "Pedestrian"),
    "Archway": ((192, 0, 128), "Building"),
    "Bicyclist": ((0, 128, 192), "Bicyclist"),
    "Bridge": ((0, 128, 64), "Building"),
    "Building": ((128, 0, 0), "Building"),
    "Car": ((64, 0, 128), "Car"),
    "CartLuggagePram": ((64, 0, 192), "Pedestrian"),
    "Child": ((192, 128, 64), "Pedestrian"),
    "Column_Pole": ((192, 192, 128), "Pole"),
    "Fence": ((64, 64, 128), "Fence"),
    "LaneMkgsDriv": ((128, 0, 192), "Road"),
    "LaneMkgsNonDriv": ((192, 0, 64), "Road"),
    "Misc_Text": ((128, 128, 64), "SignSymbol"),
    "MotorcycleScooter": ((192, 0, 192), "Bicyclist"),
    "OtherMoving": ((128, 64, 64), "Car"),
    "ParkingBlock": ((64, 192, 128), "Pavement"),
    "Pedestrian": ((64, 64, 0), "Pedestrian"),
    "Road": ((128, 64, 128), "Road"),
    "RoadShoulder": ((128, 128, 192), "Pavement"),
    "Sidewalk": ((0, 0, 192), "Pavement"),
    "SignSymbol": ((192, 128, 128), "SignSymbol"),
    "Sky": ((128, 128, 128), "Sky"),
    "SUVPickupTruck": ((64, 128, 192), "Car"),
    "TrafficCone": ((0, 0, 64), "Pole"),
    "TrafficLight": ((0, 64, 64), "SignSymbol"),
    "Train": ((192, 64, 128), "Car"),
    "Tree": ((128, 128, 0), "Tree"),
    "Truck_Bus": ((192, 128, 192), "Car"),
    "Tunnel": ((64, 0, 64), "Building"),
    "VegetationMisc": ((192, 192, 0), "Tree"),
    "Void": ((0, 0, 0), catalog.VOID),
    "Wall": ((64, 192, 0), "Building"),
}
GROUPS_DIGEST = hashlib.sha256(repr(GROUPS).encode()).digest()  # part of fingerprints


def _lookup() -> tuple[NDArray[np.int64], Image]:
    values = {name: value for value, name in enumerate(catalog.DATASETS["camvid"].classes)}
    values[catalog.VOID] = VOID
    codes = _codes_of(np.array([colour for colour, _ in GROUPS.values()], np.uint8))
    order = codes.argsort()
    groups = np.array([values[group] for _, group in GROUPS.values()], np.uint8)
    return codes[order], groups[order]


def _codes_of(colours: Image) -> NDArray[np.int64]:
    """One number for each colour of (..., 3)."""
    red, green, blue = np.moveaxis(colours.astype(np.int64), -1, 0)
    codes: NDArray[np.int64] = red << 16 | green << 8 | blue
    return codes


_CODES, _VALUES = _lookup()


def read_index(path: Path) -> Image:
    """(H, W) values of a one-byte label as they are in the file, with their range checked."""
    return _in_range(read_image(path, "L"), path)


def read_void_first(path: Path) -> Image:
    """The same of TMANet's labels, where void is 0 and each class one more."""
    label = _in_range(read_image(path, "L"), path)
    return np.where(label == 0, VOID, label - 1).astype(np.uint8)


def read_colours(path: Path) -> Image:
    """(H, W) values of a label painted in the official colours.

    Raises:
        UserError: naming an unknown colour, if more than a thousandth of the pixels have one.
    """
    pixels = read_image(path, "RGB")
    codes = _codes_of(pixels)
    places = np.searchsorted(_CODES, codes).clip(max=len(_CODES) - 1)
    known = _CODES[places] == codes
    if (~known).mean() > STRAY_SHARE:
        colour = tuple(int(value) for value in pixels[~known][0])
        raise UserError(
            f"label {path.name} has {(~known).mean():.1%} pixels whose colour is none of the 32 of "
            f"CamVid, e.g. {colour}: give the official labels"
        )
    return np.where(known, _VALUES[places], VOID).astype(np.uint8)


def _in_range(label: Image, path: Path) -> Image:
    if label.max() > VOID:
        raise UserError(f"label {path.name} holds the value {label.max()}; known are 0 to {VOID}")
    return label

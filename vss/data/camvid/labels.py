"""The 32 official label colours of CamVid, and which of the 11 classes each belongs to.

Colours: label_colors.txt of the official release (Brostow et al. 2009). Groups: MathWorks'
camvidPixelLabelIDs, "following the original SegNet training methodology"; TMANet's table is the
same. There is no single official grouping: others count Archway, Bridge, Tunnel, Child, Animal,
CartLuggagePram, Train, OtherMoving and TrafficCone as void, and RoadShoulder as road.
The readers return 0 (Sky) to 10 (Bicyclist), and IGNORE_LABEL for void.
"""

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vss import catalog
from vss.data.dataset import IGNORE_LABEL
from vss.errors import UserError
from vss.media.image import Image, read_image, read_indices

# Pixels of any other colour are void; above this fraction of them, it is not a CamVid label.
STRAY_SHARE = 0.001
_CLASSES = len(catalog.DATASETS["camvid"].classes)

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
    "Void": (catalog.VOID_COLOUR, catalog.VOID),
    "Wall": ((64, 192, 0), "Building"),
}
GROUPS_DIGEST = hashlib.sha256(repr(GROUPS).encode()).digest()  # part of fingerprints


def _lookup() -> tuple[NDArray[np.int64], Image]:
    """Return the codes of the official colours in ascending order, and their label values."""
    values = {name: value for value, name in enumerate(catalog.DATASETS["camvid"].classes)}
    values[catalog.VOID] = IGNORE_LABEL
    codes = _colour_codes(np.array([colour for colour, _ in GROUPS.values()], np.uint8))
    order = codes.argsort()
    groups = np.array([values[group] for _, group in GROUPS.values()], np.uint8)
    return codes[order], groups[order]


def _colour_codes(colours: Image) -> NDArray[np.int64]:
    """Return one number for each colour: (..., 3) RGB -> (...)."""
    red, green, blue = np.moveaxis(colours.astype(np.int64), -1, 0)
    codes: NDArray[np.int64] = red << 16 | green << 8 | blue
    return codes


_CODES, _VALUES = _lookup()


# The names of these two readers are part of fingerprints: a new name invalidates finished trials.
def read_void_first(path: Path) -> Image:
    """Read the (H, W) values of a TMANet label, in which void comes before the classes."""
    label = _read_checked(path)
    return np.where(label == 0, IGNORE_LABEL, label - 1).astype(np.uint8)


def read_colours(path: Path) -> Image:
    """Read the (H, W) values of a label in the official colours.

    Raises:
        UserError: if the colours of more than a thousandth of the pixels are unknown, naming one.
    """
    pixels = read_image(path, "RGB")
    codes = _colour_codes(pixels)
    indices = np.searchsorted(_CODES, codes).clip(max=len(_CODES) - 1)
    official = _CODES[indices] == codes
    stray_share = (~official).mean()
    if stray_share > STRAY_SHARE:
        colour = tuple(int(value) for value in pixels[~official][0])
        raise UserError(
            f"{stray_share:.1%} of the pixels of label {path.name} have none of CamVid's 32 "
            f"colours, for example {colour}: use the official labels"
        )
    return np.where(official, _VALUES[indices], IGNORE_LABEL).astype(np.uint8)


def read_index(path: Path) -> Image:
    """Read the (H, W) values of a 480x360 label, in which void comes after the classes."""
    label = _read_checked(path)
    return np.where(label == _CLASSES, IGNORE_LABEL, label).astype(np.uint8)


def _read_checked(path: Path) -> Image:
    """Read a one-byte label and check that its values are those of the classes and void."""
    label = read_indices(path)
    if label.max() > _CLASSES:
        raise UserError(
            f"label {path.name} contains the value {label.max()} (expected 0 to {_CLASSES}): "
            "use the labels of the 480x360 or of TMANet's layout"
        )
    return label

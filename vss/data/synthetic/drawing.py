"""One clear frame of a street, seen through a pinhole camera, with its label.

Shapes: H 64, W 96 pixels. Units: metres, X to the right, Z forward.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vss.data.synthetic.street import (
    BUILDING,
    CAR,
    PAVEMENT,
    ROAD,
    SKY,
    TREE,
    VERGE,
    Facade,
    Street,
    Thing,
)
from vss.media.image import Image

HEIGHT, WIDTH = 64, 96
_FOCAL, _CAMERA_HEIGHT, _HORIZON = 70.0, 1.6, 26.0  # pixels, metres, pixels
_ROAD_EDGE, _PAVEMENT_EDGE = 3.6, 5.6
_NEAREST, _FARTHEST = 2.0, 60.0


@dataclass(frozen=True)
class _Canvas:
    """The frame being drawn, with the position and direction of the camera.

    Attributes:
        image: (H, W, 3) RGB.
        label: (H, W) class indices.
        centre: the column straight ahead.
        horizon: the row of the horizon.
        x, z: the position of the camera.
    """

    image: NDArray[np.float32]
    label: Image
    centre: float
    horizon: float
    x: float
    z: float


def draw_frame(street: Street, number: int) -> tuple[NDArray[np.float32], Image]:
    """Draw a frame of the drive: (H, W, 3) RGB and its (H, W) label."""
    canvas = _Canvas(
        image=np.empty((HEIGHT, WIDTH, 3), dtype=np.float32),
        label=np.empty((HEIGHT, WIDTH), dtype=np.uint8),
        centre=WIDTH / 2 + street.shake[number, 0],
        horizon=_HORIZON + street.shake[number, 1],
        x=street.camera_x,
        z=street.camera_speed * number,
    )
    _draw_ground(canvas, street)
    for facade in street.facades:
        _draw_facade(canvas, facade)
    distances = [(thing.z + thing.speed_z * number - canvas.z, thing) for thing in street.things]
    for z, thing in sorted(distances, key=lambda pair: -pair[0]):
        if _NEAREST < z < _FARTHEST:
            x = thing.x + thing.speed_x * number - canvas.x
            _draw_thing(canvas, thing, x, z)
    return canvas.image, canvas.label


def _draw_ground(canvas: _Canvas, street: Street) -> None:
    """Draw sky, road, pavement and verge, with lane markings and tiles that show the motion."""
    image, label = canvas.image, canvas.label
    rows_below = np.arange(HEIGHT) + 0.5 - canvas.horizon
    z = np.where(rows_below > 0.5, _FOCAL * _CAMERA_HEIGHT / np.maximum(rows_below, 0.5), 0.0)[
        :, None
    ]
    x = (np.arange(WIDTH) + 0.5 - canvas.centre)[None, :] * z / _FOCAL + canvas.x
    side = np.abs(x)
    label[:] = np.where(side < _ROAD_EDGE, ROAD, np.where(side < _PAVEMENT_EDGE, PAVEMENT, VERGE))
    label[rows_below <= 0.5] = SKY
    ground = (street.ground[value] for value in (ROAD, PAVEMENT, VERGE))
    palette = np.stack([street.sky, street.sky, *ground])
    image[:] = palette[label]
    lane = (side < 0.12) & ((z + canvas.z) % 4 < 2) & (label == ROAD)
    image[lane] = 225
    tiles = ((z + canvas.z) % 1.5 < 0.2) & (label == PAVEMENT)
    image[tiles] *= 0.85


def _draw_facade(canvas: _Canvas, facade: Facade) -> None:
    start, end = max(facade.start - canvas.z, _NEAREST), facade.end - canvas.z
    if end <= start:
        return
    side = facade.x - canvas.x
    columns = np.arange(WIDTH) + 0.5 - canvas.centre
    is_ahead = columns * side > 0
    depth = np.where(is_ahead, _FOCAL * side / np.where(is_ahead, columns, 1.0), np.inf)  # (W,)
    visible = np.flatnonzero((depth >= start) & (depth <= end))
    if len(visible) == 0:
        return
    box = (slice(None), slice(visible[0], visible[-1] + 1))
    z = depth[box[1]]
    rows = np.arange(HEIGHT)[:, None] + 0.5
    bottom = canvas.horizon + _FOCAL * _CAMERA_HEIGHT / z
    above = (bottom - rows) * z / _FOCAL  # metres above the ground
    is_inside = (above > 0) & (above <= facade.height)
    window = (above % 3 > 1.2) & (above % 3 < 2.4) & ((z % 3 > 1) & (z % 3 < 2.2))
    shade = np.where(window, 0.55, 1.0)[..., None]
    _paint(canvas, box, is_inside, facade.colour * shade, BUILDING)


def _draw_thing(canvas: _Canvas, thing: Thing, x: float, z: float) -> None:
    """Draw an upright rectangle; a tree has a trunk and a round crown, a car has windows."""
    scale = _FOCAL / z
    middle = canvas.centre + x * scale
    foot = canvas.horizon + _CAMERA_HEIGHT * scale
    half_width, height = thing.width * scale / 2, thing.height * scale
    box = (
        _span(foot - height, foot, HEIGHT),
        _span(middle - half_width, middle + half_width, WIDTH),
    )
    v = (foot - np.arange(HEIGHT)[box[0], None] - 0.5) / height  # 0 at the foot, 1 at the top
    u = (np.arange(WIDTH)[None, box[1]] + 0.5 - middle) / half_width  # -1 left edge, 1 right edge
    is_inside = (np.abs(u) < 1) & (v >= 0) & (v < 1)
    shade: NDArray[np.float64] = np.ones(is_inside.shape)
    if thing.label == TREE:
        crown = (u**2 + ((v - 0.62) / 0.38) ** 2) < 1
        is_inside = crown | ((np.abs(u) < 0.18) & (v >= 0) & (v < 0.5))
        shade = np.where(crown, 1.0, 0.6)
    if thing.label == CAR:
        is_inside &= (v < 0.55) | (np.abs(u) < 0.75)
        shade = np.where(
            (v > 0.55) & (v < 0.9) & (np.abs(u) < 0.62),
            0.35,
            1.0,
        )
    _paint(canvas, box, is_inside, thing.colour * shade[..., None], thing.label)


def _paint(
    canvas: _Canvas,
    box: tuple[slice, slice],
    is_inside: NDArray[np.bool_],
    colour: NDArray[np.floating],
    value: int,
) -> None:
    """Colour and label the pixels of a box that lie inside a shape."""
    np.copyto(canvas.image[box], colour.astype(np.float32), where=is_inside[..., None])
    canvas.label[box][is_inside] = value


def _span(low: float, high: float, size: int) -> slice:
    """Return the pixels between two coordinates, clipped to the image."""
    return slice(int(min(max(low, 0), size)), int(min(max(high + 1, 0), size)))

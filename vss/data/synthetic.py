"""A drive through a street, rendered on the spot. Imports no torch.

Every frame is spoilt on its own: sensor noise, flicker, a colour cast, smears over 40 % of it, and
with probability 0.3 the whole frame is lost in glare or darkness. A frame alone is often
unreadable and the frames before it hold the answer: the chance that T + 1 frames are all lost
falls as 0.3^(T + 1). Objects are near and large and classes have clear colours, so that what is
missing is the frame and not the skill to read it.

A pure function of the clip's name.
Shapes: H 64, W 96 pixels; L frames of a clip; metres, X to the right, Z forward.
"""

import functools
import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from vss import catalog
from vss.data.dataset import Frame, VideoDataset
from vss.media.image import Image
from vss.trial_config import TrialConfig

VERSION = 1  # raise it whenever a pixel changes: it is the fingerprint
HEIGHT, WIDTH = 64, 96
HISTORY, TARGETS = 8, 8  # frames before the first labelled one; labelled frames of a clip
SKY, BUILDING, ROAD, PAVEMENT, VERGE, TREE, CAR, PEDESTRIAN = range(8)

_FOCAL, _CAMERA_HEIGHT, _HORIZON = 70.0, 1.6, 26.0
_ROAD_EDGE, _PAVEMENT_EDGE, _FACADE = 3.6, 5.6, 8.5
_NEAREST, _FARTHEST = 2.0, 60.0


def load(config: TrialConfig, root: Path | None) -> VideoDataset:
    """List the frames of `config.clips` training clips and of the held-out ones.

    Args:
        config: its `clips` says how many; val has a 30th of that, test two 15ths.
        root: not used; nothing is read from disk.
    """
    clips = config.clips or 1
    counts = {"train": clips, "val": max(1, clips // 30), "test": max(1, clips * 2 // 15)}
    frames = tuple(
        Frame(
            split=split,
            sequence=f"{split}{clip:04d}",
            number=number,
            image=f"{split}{clip:04d}:{number}",
            label=f"{split}{clip:04d}:{number}" if number >= HISTORY else "",
        )
        for split, count in counts.items()
        for clip in range(count)
        for number in range(HISTORY + TARGETS)
    )
    identity = f"synthetic {VERSION} {clips}"
    return VideoDataset(
        frames,
        hashlib.sha256(identity.encode()).hexdigest(),
        read_image=lambda frame: render(frame.sequence)[0][frame.number],
        read_label=lambda frame: render(frame.sequence)[1][frame.number],
        classes=catalog.DATASETS["synthetic"].classes,
    )


@functools.lru_cache(maxsize=4)
def render(sequence: str) -> tuple[Image, Image]:
    """Render a clip: (L, H, W, 3) RGB and (L, H, W) labels."""
    digest = hashlib.sha256(f"{VERSION} {sequence}".encode()).digest()
    rng = np.random.default_rng(list(digest))
    street = _Street(rng)
    drawn = [street.draw(number) for number in range(HISTORY + TARGETS)]
    images = np.stack([_spoil(image, rng) for image, _ in drawn])
    return images, np.stack([label for _, label in drawn])


@dataclass(frozen=True)
class _Thing:
    """An upright rectangle in the street, seen from the front."""

    label: int
    x: float
    z: float
    width: float
    height: float
    colour: NDArray[np.float32]
    speed_x: float = 0.0
    speed_z: float = 0.0


class _Street:
    """One clip's world: what stands where, how the camera moves."""

    def __init__(self, rng: Generator) -> None:
        self.speed = rng.uniform(0.15, 0.45)  # metres a frame
        self.offset = rng.uniform(-1.2, 1.2)
        self.shake = rng.normal(0.0, 0.7, size=(HISTORY + TARGETS, 2)).cumsum(axis=0) * 0.5
        self.sky = _colour(rng, (150, 190, 235), 15)
        self.ground = {
            ROAD: _colour(rng, (95, 95, 100), 12),
            PAVEMENT: _colour(rng, (190, 165, 150), 12),
            VERGE: _colour(rng, (105, 150, 60), 14),
        }
        self.facades = _facades(rng)
        self.things = _trees(rng) + _cars(rng) + _pedestrians(rng)

    def draw(self, number: int) -> tuple[NDArray[np.float32], Image]:
        """One clear frame: (H, W, 3) and its (H, W) label."""
        camera_z = self.speed * number
        centre = WIDTH / 2 + self.shake[number, 0]
        horizon = _HORIZON + self.shake[number, 1]
        image = np.empty((HEIGHT, WIDTH, 3), dtype=np.float32)
        label = np.empty((HEIGHT, WIDTH), dtype=np.uint8)
        self._draw_ground(image, label, centre, horizon, camera_z)
        for x, start, end, height, colour in self.facades:
            self._draw_facade(
                image, label, centre, horizon, (x, start - camera_z, end - camera_z, height), colour
            )
        placed = [(t.z + t.speed_z * number - camera_z, t) for t in self.things]
        for z, thing in sorted(placed, key=lambda pair: -pair[0]):
            if _NEAREST < z < _FARTHEST:
                x = thing.x + thing.speed_x * number - self.offset
                _draw_thing(image, label, centre, horizon, x, z, thing)
        return image, label

    def _draw_ground(
        self,
        image: NDArray[np.float32],
        label: Image,
        centre: float,
        horizon: float,
        camera_z: float,
    ) -> None:
        below = np.arange(HEIGHT) + 0.5 - horizon
        z = np.where(below > 0.5, _FOCAL * _CAMERA_HEIGHT / np.maximum(below, 0.5), 0.0)[:, None]
        x = (np.arange(WIDTH) + 0.5 - centre)[None, :] * z / _FOCAL + self.offset
        side = np.abs(x)
        label[:] = np.where(
            side < _ROAD_EDGE, ROAD, np.where(side < _PAVEMENT_EDGE, PAVEMENT, VERGE)
        )
        label[below <= 0.5] = SKY
        palette = np.stack([self.sky, self.sky, *(self.ground[k] for k in (ROAD, PAVEMENT, VERGE))])
        image[:] = palette[label]
        lane = (side < 0.12) & ((z + camera_z) % 4 < 2) & (label == ROAD)
        image[lane] = 225
        tiles = ((z + camera_z) % 1.5 < 0.2) & (label == PAVEMENT)
        image[tiles] *= 0.85

    def _draw_facade(
        self,
        image: NDArray[np.float32],
        label: Image,
        centre: float,
        horizon: float,
        place: tuple[float, float, float, float],
        colour: NDArray[np.float32],
    ) -> None:
        x, start, end, height = place
        start = max(start, _NEAREST)
        if end <= start:
            return
        side = x - self.offset
        columns = np.arange(WIDTH) + 0.5 - centre
        ahead = columns * side > 0
        depth = np.where(ahead, _FOCAL * side / np.where(ahead, columns, 1.0), np.inf)  # (W,)
        seen = np.flatnonzero((depth >= start) & (depth <= end))
        if len(seen) == 0:
            return
        box = (slice(None), slice(seen[0], seen[-1] + 1))
        z = depth[box[1]]
        rows = np.arange(HEIGHT)[:, None] + 0.5
        bottom = horizon + _FOCAL * _CAMERA_HEIGHT / z
        above = (bottom - rows) * z / _FOCAL  # metres above the ground
        inside = (above > 0) & (above <= height)
        window = (above % 3 > 1.2) & (above % 3 < 2.4) & ((z % 3 > 1) & (z % 3 < 2.2))
        shade = np.where(window, 0.55, 1.0)[..., None]
        _paint(image[box], label[box], inside, colour * shade, BUILDING)


def _draw_thing(
    image: NDArray[np.float32],
    label: Image,
    centre: float,
    horizon: float,
    x: float,
    z: float,
    thing: _Thing,
) -> None:
    """Paint an upright rectangle; a tree is a trunk and a round crown."""
    scale = _FOCAL / z
    middle = centre + x * scale
    foot = horizon + _CAMERA_HEIGHT * scale
    half, tall = thing.width * scale / 2, thing.height * scale
    box = (_span(foot - tall, foot, HEIGHT), _span(middle - half, middle + half, WIDTH))
    up = (foot - np.arange(HEIGHT)[box[0], None] - 0.5) / tall  # 0 at the foot, 1 at the top
    across = (np.arange(WIDTH)[None, box[1]] + 0.5 - middle) / half  # -1 left edge, 1 right edge
    inside = (np.abs(across) < 1) & (up >= 0) & (up < 1)
    shade: NDArray[np.float64] = np.ones(inside.shape)
    if thing.label == TREE:
        crown = (across**2 + ((up - 0.62) / 0.38) ** 2) < 1
        inside = crown | ((np.abs(across) < 0.18) & (up >= 0) & (up < 0.5))
        shade = np.where(crown, 1.0, 0.6)
    if thing.label == CAR:
        inside &= (up < 0.55) | (np.abs(across) < 0.75)
        shade = np.where((up > 0.55) & (up < 0.9) & (np.abs(across) < 0.62), 0.35, 1.0)
    _paint(image[box], label[box], inside, thing.colour * shade[..., None], thing.label)


def _paint(
    image: NDArray[np.float32],
    label: Image,
    inside: NDArray[np.bool_],
    colour: NDArray[np.floating],
    value: int,
) -> None:
    np.copyto(image, colour.astype(np.float32), where=inside[..., None])
    label[inside] = value


def _span(low: float, high: float, size: int) -> slice:
    """The pixels that lie between two coordinates, cut at the image's edges."""
    return slice(int(min(max(low, 0), size)), int(min(max(high + 1, 0), size)))


def _facades(
    rng: Generator,
) -> list[tuple[float, float, float, float, NDArray[np.float32]]]:
    """(X, first Z, last Z, height, colour) of the houses, the farthest first."""
    found = []
    for side in (-1, 1):
        z = rng.uniform(-5, 5)
        while z < 70:
            length = rng.uniform(6, 14)
            if rng.random() < 0.75:
                colour = _colour(rng, (165, 75, 60), 22)
                found.append((side * _FACADE, z, z + length, rng.uniform(4, 10), colour))
            z += length + rng.uniform(0, 5)
    return sorted(found, key=lambda facade: -facade[1])


def _trees(rng: Generator) -> list[_Thing]:
    return [
        _Thing(
            TREE, side * rng.uniform(6, 7.2), z, rng.uniform(2.2, 3.6), rng.uniform(4, 6), colour
        )
        for side in (-1, 1)
        for z, colour in ((z, _colour(rng, (30, 85, 35), 14)) for z in _places(rng, 7.0))
    ]


def _cars(rng: Generator) -> list[_Thing]:
    parked = [
        _car(rng, side * rng.uniform(2.5, 2.9), z, 0.0)
        for side in (-1, 1)
        for z in _places(rng, 11.0)
    ]
    moving = [
        _car(rng, 1.5, rng.uniform(7, 14), rng.uniform(0.1, 0.5)),
        _car(rng, -1.5, rng.uniform(15, 40), -rng.uniform(0.2, 0.5)),
    ]
    return parked + moving


def _car(rng: Generator, x: float, z: float, speed: float) -> _Thing:
    base = ((200, 40, 160), (40, 60, 200), (230, 200, 40))[int(rng.integers(3))]
    return _Thing(CAR, x, z, 1.9, 1.55, _colour(rng, base, 18), speed_z=speed)


def _pedestrians(rng: Generator) -> list[_Thing]:
    return [
        _Thing(
            PEDESTRIAN,
            side * rng.uniform(3.9, 5.3),
            z,
            1.0,
            1.9,
            _colour(rng, (245, 120, 20), 20),
            speed_x=rng.normal(0, 0.02),
            speed_z=rng.uniform(-0.06, 0.06),
        )
        for side in (-1, 1)
        for z in _places(rng, 5.0, until=25.0)
    ]


def _places(rng: Generator, spacing: float, until: float = 45.0) -> list[float]:
    """Distances of a row of things about `spacing` metres apart."""
    gaps = rng.uniform(0.5, 1.5, size=int(until / spacing)) * spacing
    return [float(z) for z in np.cumsum(gaps)]


def _colour(rng: Generator, base: tuple[int, int, int], spread: float) -> NDArray[np.float32]:
    return (np.array(base) + rng.normal(0, spread, size=3)).clip(0, 255).astype(np.float32)


def _spoil(image: NDArray[np.float32], rng: Generator) -> Image:
    """Degrade one frame, independently of all others."""
    lit = image * rng.uniform(0.7, 1.3) * rng.uniform(0.8, 1.2, size=3)
    spoilt = _smear(lit, rng)
    if rng.random() < 0.3:
        lost = 255.0 if rng.random() < 0.5 else 0.0
        spoilt = 0.06 * spoilt + 0.94 * lost
    noise = rng.normal(0, rng.uniform(8, 24), size=image.shape)
    return (spoilt + noise).clip(0, 255).astype(np.uint8)


def _smear(image: NDArray[np.float64], rng: Generator) -> NDArray[np.float64]:
    """Grey ellipses until 40 % of the frame is hidden."""
    rows, columns = np.arange(HEIGHT)[:, None], np.arange(WIDTH)[None, :]
    hidden = np.zeros((HEIGHT, WIDTH), dtype=bool)
    while hidden.mean() < 0.4:
        row, column = rng.uniform(0, HEIGHT), rng.uniform(0, WIDTH)
        tall, wide = rng.uniform(6, 16), rng.uniform(8, 26)
        hidden |= ((rows - row) / tall) ** 2 + ((columns - column) / wide) ** 2 < 1
    return np.where(hidden[..., None], rng.uniform(90, 160), image)

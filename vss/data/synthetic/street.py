"""A random street, and a drive through it.

Units: metres, X to the right, Z forward from the camera's starting point; colours are RGB.
"""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

SKY, BUILDING, ROAD, PAVEMENT, VERGE, TREE, CAR, PEDESTRIAN = range(8)  # label values
_FACADE_X = 8.5  # distance of the houses from the middle of the road


@dataclass(frozen=True)
class Thing:
    """An upright rectangle facing the camera; speeds are in metres per frame."""

    label: int
    x: float
    z: float
    width: float
    height: float
    colour: NDArray[np.float32]
    speed_x: float = 0.0
    speed_z: float = 0.0


@dataclass(frozen=True)
class Facade:
    """The front of a house along the road, from `start` to `end`."""

    x: float
    start: float
    end: float
    height: float
    colour: NDArray[np.float32]


class Street:
    """The world of one clip: the things in it, and the motion of the camera.

    Attributes:
        camera_speed: the speed of the camera in metres per frame.
        camera_x: the position of the camera across the road, 0 in the middle.
        shake: (L, 2) pixels by which each of L frames is shifted, across and down.
        sky: the colour of the sky.
        ground: label value -> colour of that part of the ground.
        facades: the houses, the farthest first.
        things: trees, cars and pedestrians.
    """

    def __init__(self, rng: Generator, frames: int) -> None:
        # The order of the random draws determines every pixel: see VERSION in `dataset`.
        self.camera_speed = rng.uniform(0.15, 0.45)
        self.camera_x = rng.uniform(-1.2, 1.2)
        self.shake = rng.normal(0.0, 0.7, size=(frames, 2)).cumsum(axis=0) * 0.5
        self.sky = _colour(rng, (150, 190, 235), 15)
        self.ground = {
            ROAD: _colour(rng, (95, 95, 100), 12),
            PAVEMENT: _colour(rng, (190, 165, 150), 12),
            VERGE: _colour(rng, (105, 150, 60), 14),
        }
        self.facades = _facades(rng)
        self.things = _trees(rng) + _cars(rng) + _pedestrians(rng)


def _facades(rng: Generator) -> list[Facade]:
    facades = []
    for side in (-1, 1):
        z = rng.uniform(-5, 5)
        while z < 70:
            length = rng.uniform(6, 14)
            if rng.random() < 0.75:
                colour = _colour(rng, (165, 75, 60), 22)
                height = rng.uniform(4, 10)
                facades.append(Facade(side * _FACADE_X, z, z + length, height, colour))
            z += length + rng.uniform(0, 5)
    return sorted(facades, key=lambda facade: -facade.start)


def _trees(rng: Generator) -> list[Thing]:
    return [
        Thing(TREE, side * rng.uniform(6, 7.2), z, rng.uniform(2.2, 3.6), rng.uniform(4, 6), colour)
        for side in (-1, 1)
        for z, colour in ((z, _colour(rng, (30, 85, 35), 14)) for z in _distances(rng, 7.0))
    ]


def _cars(rng: Generator) -> list[Thing]:
    parked_cars = [
        _car(rng, side * rng.uniform(2.5, 2.9), z, 0.0)
        for side in (-1, 1)
        for z in _distances(rng, 11.0)
    ]
    moving_cars = [
        _car(rng, 1.5, rng.uniform(7, 14), rng.uniform(0.1, 0.5)),
        _car(rng, -1.5, rng.uniform(15, 40), -rng.uniform(0.2, 0.5)),
    ]
    return parked_cars + moving_cars


def _car(rng: Generator, x: float, z: float, speed: float) -> Thing:
    base = ((200, 40, 160), (40, 60, 200), (230, 200, 40))[int(rng.integers(3))]
    return Thing(CAR, x, z, 1.9, 1.55, _colour(rng, base, 18), speed_z=speed)


def _pedestrians(rng: Generator) -> list[Thing]:
    return [
        Thing(
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
        for z in _distances(rng, 5.0, until=25.0)
    ]


def _distances(rng: Generator, spacing: float, until: float = 45.0) -> list[float]:
    """Draw the distances of a row of things about `spacing` metres apart."""
    gaps = rng.uniform(0.5, 1.5, size=int(until / spacing)) * spacing
    return [float(z) for z in np.cumsum(gaps)]


def _colour(rng: Generator, base: tuple[int, int, int], spread: float) -> NDArray[np.float32]:
    return (np.array(base) + rng.normal(0, spread, size=3)).clip(0, 255).astype(np.float32)

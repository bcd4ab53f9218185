"""Drawings of predictions."""

import numpy as np

from vss.catalog import VOID_COLOUR
from vss.media.render import colourise, draw_legend, draw_side_by_side

PALETTE = [(255, 0, 0), (0, 255, 0)]


def test_classes_get_their_colours_and_unlabelled_pixels_the_colour_of_void() -> None:
    classes = np.array([[0, 1, 255]], dtype=np.uint8)

    assert colourise(classes, PALETTE).tolist() == [[[255, 0, 0], [0, 255, 0], [*VOID_COLOUR]]]


def test_three_panels_are_drawn_side_by_side_at_the_labels_size() -> None:
    frame = np.full((2, 3, 3), 7, dtype=np.uint8)
    label = np.zeros((4, 6), dtype=np.uint8)

    picture = draw_side_by_side(frame, label, label + 1, PALETTE)

    assert picture.size == (18, 4)
    assert [picture.getpixel((x, 0)) for x in (0, 6, 12)] == [(7, 7, 7), *PALETTE]


def test_legend_takes_more_lines_in_a_narrow_frame() -> None:
    classes = {"Road": (10, 20, 30), "Pavement": (40, 50, 60), "Pedestrian": (70, 80, 90)}

    wide, narrow = draw_legend(classes, 400), draw_legend(classes, 60)

    assert wide.shape[1:] == (400, 3)
    assert narrow.shape == (3 * wide.shape[0], 60, 3)
    for colour in classes.values():
        for strip in (wide, narrow):
            assert (strip == colour).all(axis=2).any(), colour

"""Networks that do not fit what they take from other cells."""

import pytest

from orchestrator.networks.source_check import check_sources
from orchestrator.spec.file import load_spec
from tests.conftest import TINY_SPEC, SpecWriter
from vss.errors import UserError

CAMVID = "dataset: camvid, clips: null"


def check(write_spec: SpecWriter, cells: str) -> None:
    head, _, _ = TINY_SPEC.partition("cells:")
    spec = head.replace("  dataset: synthetic\n  clips: 2\n", "")
    check_sources(load_spec(write_spec(f"{spec}cells: {{{cells}}}\nseeds: [0]\n")))


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (
            "a: {D, head: fcn}, b: {D, head: fcn, width: 16, weights: {cell: a}}",
            "cell 'b' cannot start from the backbone of 'a': that is a resnet18 of width 8, this "
            "cell has a resnet18 of width 16; give both the same backbone and width",
        ),
        (
            "a: {D, head: fcn}, b: {D, head: psp, weights: {cell: a, part: network}}",
            "cell 'b' cannot start from the network of 'a': write part: backbone.*do not fit.*head",
        ),
        (
            "a: {D, head: fcn}, b: {C, head: fcn, weights: {cell: a, part: network}}",
            "that predicts 8 classes, this cell 11; write part: backbone to leave out the head",
        ),
        (
            "a: {D, head: fcn}, b: {C, head: fcn, teacher: a, distillation_weight: 1}",
            "cell 'b' cannot learn from 'a': the teacher was trained on 'synthetic'",
        ),
        (
            "a: {C, head: fcn, void_class: true}, b: {C, head: fcn, teacher: a, "
            "distillation_weight: 1}",
            "cannot learn from 'a': the teacher predicts 12 classes, but the student 11",
        ),
    ],
)
def test_what_does_not_fit_is_named_with_the_remedy(
    write_spec: SpecWriter, cells: str, message: str
) -> None:
    cells = cells.replace("{D,", "{dataset: synthetic,").replace("{C,", "{dataset: camvid,")

    with pytest.raises(UserError, match=message):
        check(write_spec, cells)


@pytest.mark.parametrize(
    "cells",
    [
        "a: {D, head: psp}, b: {C, head: fcn, weights: {cell: a}}",
        "a: {D, head: fcn, output_stride: 32}, b: {D, head: fcn, weights: {cell: a}}",
        "a: {D, head: fcn, auxiliary_weight: 0}, "
        "b: {D, head: fcn, weights: {cell: a, part: network}}",
        "a: {D, head: fcn}, "
        "b: {D, head: fcn, eval_every: 0, steps: 0, weights: {cell: a, part: network}}",
        "a: {D, head: tma, memory_length: 1, share_slots: true}, "
        "b: {D, head: tma, memory_length: 2, share_slots: true, "
        "weights: {cell: a, part: network}}",
    ],
)
def test_what_fits_is_accepted(write_spec: SpecWriter, cells: str) -> None:
    cells = cells.replace("{D,", "{dataset: synthetic,").replace("{C,", "{dataset: camvid,")

    check(write_spec, cells)

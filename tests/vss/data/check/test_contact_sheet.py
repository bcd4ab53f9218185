"""The contact sheet of a few frames."""

from dataclasses import replace

import numpy as np
import pytest

from tests.vss.data.check.conftest import CLASSES, make_dataset
from vss.data.check.contact_sheet import draw_contact_sheet
from vss.errors import UserError


def test_sheet_has_one_row_per_split_and_shows_the_colours() -> None:
    one_row = make_dataset(("train", "a", 0))
    two_rows = make_dataset(("train", "a", 0), ("val", "b", 0))

    small, large = (np.asarray(draw_contact_sheet(dataset)) for dataset in (one_row, two_rows))

    assert len(large) > len(small)
    assert (large == CLASSES["road"]).all(axis=2).any()


def test_dataset_without_labels_is_refused() -> None:
    dataset = make_dataset(("train", "a", 0))
    unlabelled = replace(dataset, frames=(replace(dataset.frames[0], label=""),))

    with pytest.raises(UserError, match="no frame has a label"):
        draw_contact_sheet(unlabelled)

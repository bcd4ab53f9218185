"""Sentences about the experiment as a whole."""

from dataclasses import replace

from reports.records import ExperimentRecord
from reports.text.sections import _list_uncompared


def test_cells_that_only_train_weights_are_named_with_their_scores(study: ExperimentRecord) -> None:
    record = replace(study, uncompared={"pre|training": "50.00 % mIoU on synthetic (test)"})

    assert _list_uncompared(record) == (
        "Trained for other cells to start from, and not compared with them: "
        r"pre\|training (50.00 % mIoU on synthetic (test))."
    )
    assert _list_uncompared(study) == ""

"""The declared metrics."""

import numpy as np
import torch

from reports.metrics import METRICS, get_metric
from vss.data.dataset import Frame
from vss.scoring.metrics import compute_metrics
from vss.scoring.temporal import Consistency


def test_every_metric_of_a_trial_is_declared() -> None:
    """Of a network that is scored on a video of 16 frames with a void class."""
    consistency = Consistency(num_classes=2)
    for number in range(16):
        label = torch.zeros(2, 2)
        consistency.add(Frame("test", "video", number, "", ""), label, label)
    names = {*compute_metrics(np.eye(2, dtype=np.int64), 1), *consistency.metrics()}

    assert {"miou_without_void", "vc16_correct", "flicker"} <= names
    assert names | {"boundary_miou"} == set(METRICS)


def test_less_flicker_is_better_and_more_of_everything_else() -> None:
    assert [name for name, metric in METRICS.items() if not metric.higher_is_better] == ["flicker"]
    assert get_metric("flicker").direction == "lower is better"
    assert get_metric("a new one").direction == "higher is better"

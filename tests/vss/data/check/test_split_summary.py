"""The summary of each split."""

import pytest

from tests.vss.data.check.conftest import make_dataset
from vss.data.check.inspection import inspect_dataset
from vss.data.check.report import SplitReport
from vss.data.clips import list_clips
from vss.data.dataset import IGNORE_LABEL, VideoDataset


def train_split(dataset: VideoDataset, stride: int) -> SplitReport:
    return inspect_dataset(dataset, stride).splits["train"]


def test_classes_are_counted_in_pixels_and_frames() -> None:
    dataset = make_dataset(("train", "a", 0), ("train", "a", 2), ("val", "b", 0))

    train = train_split(dataset, 2)

    assert (train.frames, train.labelled) == (2, 2)
    assert (train.image_sizes, train.label_sizes) == ({"8x6": 2}, {"4x3": 2})
    assert train.label_values == {0: 12, 1: 6, IGNORE_LABEL: 6}
    assert train.unlabelled_share == 0.25
    assert train.class_shares == pytest.approx({"road": 2 / 3, "sky": 1 / 3, "tram": 0})
    assert train.class_frames == {"road": 2, "sky": 2, "tram": 0}


def test_irregular_spacings_are_listed() -> None:
    numbers = (0, 30, 60, 91, 120, 300)
    dataset = make_dataset(*(("train", "a", number) for number in numbers))

    (sequence,) = train_split(dataset, 30).sequences

    assert (sequence.first, sequence.last, sequence.spacing) == (0, 300, 30)
    assert sequence.irregular == ((60, 91), (91, 120), (120, 300))


def test_predecessors_agree_with_the_memory_of_clips() -> None:
    numbers = (0, 30, 60, 91, 120, 300)
    dataset = make_dataset(*(("train", "a", number) for number in numbers), ("val", "a", 270))

    train = train_split(dataset, 30)

    assert train.predecessors == {1: 2, 2: 1, 3: 0, 4: 0}  # those of frames 30 and 60
    assert train.predecessors_near == {1: 2, 2: 2, 3: 2, 4: 1}  # those of frames 91 and 120
    for k in (1, 2, 3, 4):
        memories = [
            set(clip.memory) - {clip.target} for clip in list_clips(dataset.frames, "train", k, 30)
        ]
        complete = sum(1 for memory in memories if len(memory) == k)
        assert train.predecessors[k] + train.predecessors_near[k] == complete

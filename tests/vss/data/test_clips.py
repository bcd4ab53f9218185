"""The past frames that go with each labelled frame."""

from pathlib import Path

import pytest

from tests.conftest import tiny
from vss.data.camvid import dataset as camvid_dataset
from vss.data.clips import count_matches, keep_needed_frames, list_clips
from vss.data.dataset import Frame, VideoDataset


def video(*numbers: int, sequence: str = "a", split: str = "train") -> list[Frame]:
    return [Frame(split, sequence, n, f"{sequence}{n}", f"{sequence}{n}") for n in numbers]


def memory_numbers(frames: list[Frame], target: int, length: int, stride: int) -> list[int]:
    clips = list_clips(frames, "train", length, stride)
    clip = next(c for c in clips if frames[c.target].number == target)
    return [frames[i].number for i in clip.memory]


def test_memory_has_the_preceding_frames_oldest_first() -> None:
    assert memory_numbers(video(1, 2, 3, 4), target=4, length=2, stride=1) == [2, 3]


def test_stride_counts_video_frames() -> None:
    assert memory_numbers(video(*range(10)), target=9, length=2, stride=3) == [3, 6]


def test_memory_at_the_start_of_a_sequence_repeats_its_earliest_frame() -> None:
    assert memory_numbers(video(1, 2), target=2, length=3, stride=1) == [1, 1, 1]


def test_first_frame_of_a_sequence_is_its_own_memory() -> None:
    assert memory_numbers(video(1, 2), target=1, length=2, stride=1) == [1, 1]


def test_frame_one_number_off_is_a_match() -> None:
    """CamVid labels frame 901 where 900 is expected."""
    frames = video(870, 901, 930)

    assert memory_numbers(frames, target=901, length=1, stride=30) == [870]
    assert memory_numbers(frames, target=930, length=2, stride=30) == [870, 901]


def test_neighbours_are_not_mistaken_for_each_other_at_small_strides() -> None:
    assert memory_numbers(video(1, 3, 4), target=4, length=2, stride=2) == [4, 4]


def test_gap_ends_the_memory() -> None:
    frames = video(2370, 2400, 4350, 4380)

    assert memory_numbers(frames, target=4350, length=2, stride=30) == [4350, 4350]
    assert memory_numbers(frames, target=4380, length=2, stride=30) == [4350, 4350]


def test_memory_stays_in_its_sequence_and_split() -> None:
    frames = video(1, sequence="a") + video(2, sequence="b") + video(1, 2, sequence="b", split="x")

    assert memory_numbers(frames, target=2, length=1, stride=1) == [2]


def test_only_labelled_frames_are_targets() -> None:
    frames = [Frame("train", "a", 1, "1", ""), Frame("train", "a", 2, "2", "2")]

    clips = list_clips(frames, "train", 1, 1)

    assert [(c.target, c.memory) for c in clips] == [(1, (0,))]


def test_exact_one_off_and_repeated_frames_are_counted() -> None:
    """The irregular frame 901 and the gap after 2400, as in 0016E5."""
    frames = video(840, 870, 901, 930, 2370, 2400, 4350, 4380)

    counts = count_matches(frames, list_clips(frames, "train", 1, 30), 30)

    # 870, 2400 and 4380 match exactly; 901 and 930 are one off; 840, 2370 and 4350 have no past.
    assert counts == {"exact": 3, "one_off": 2, "repeated": 3}


def test_repetition_at_stride_one_is_not_one_off() -> None:
    frames = video(5, 6)

    counts = count_matches(frames, list_clips(frames, "train", 1, 1), 1)

    assert counts == {"exact": 1, "one_off": 0, "repeated": 1}


def test_unneeded_frames_are_dropped_and_clips_stay_the_same() -> None:
    numbers = (1, 8, 9, 10, 19, 20, 21, 40)
    frames = tuple(Frame("train", "a", n, str(n), "x" if n in (20, 40) else "") for n in numbers)
    full = VideoDataset(frames, "f", lambda f: None, lambda f: None, {})  # type: ignore

    reduced = keep_needed_frames(full, 2, 10)

    assert [f.number for f in reduced.frames] == [1, 10, 20, 40]
    for dataset in (full, reduced):
        clips = list_clips(dataset.frames, "train", 2, 10)
        assert [[dataset.frames[i].number for i in c.memory] for c in clips] == [[1, 10], [40, 40]]


def test_real_train_list_has_the_documented_irregular_frames(real_camvid: Path) -> None:
    frames = camvid_dataset.load(tiny(), real_camvid).frames

    counts = count_matches(frames, list_clips(frames, "train", 1, 30), 30)

    # Of 367 frames, 901 and the next one are one off; the first frames of 5 segments have no past.
    assert counts == {"exact": 360, "one_off": 2, "repeated": 5}


@pytest.mark.parametrize(
    ("split", "counts"), [("train", (360, 354, 348, 342)), ("test", (231, 229, 227, 225))]
)
def test_real_list_has_the_published_number_of_exact_predecessors(
    split: str, counts: tuple[int, ...], real_camvid: Path
) -> None:
    """The numbers were counted independently of this code, at exact spacing."""
    frames = camvid_dataset.load(tiny(), real_camvid).frames

    for length, count in enumerate(counts, start=1):
        exact = 0
        for clip in list_clips(frames, split, length, 30):
            target = frames[clip.target].number
            expected = [target - 30 * back for back in range(length, 0, -1)]
            exact += [frames[i].number for i in clip.memory] == expected
        assert exact == count

"""Extract the past frames of CamVid's labelled stills from the raw videos. Imports no torch.

The number in a still's name is expected to be its index in the video, and this is checked: if the
stills match clearly better at a different, constant offset, that offset is used.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image as PillowImage

from vss.data.camvid.raw_videos import LARGEST_OFFSET, ExtractionTask, Still
from vss.errors import UserError
from vss.media.image import Image, read_image
from vss.media.temporary_path import temporary_path
from vss.media.video import open_source

LARGEST_DIFFERENCE = 12.0  # mean absolute difference, of 255; compression causes far less
_MAX_RATIO = 0.8  # a clearly better offset has at most this fraction of the expected one's
_STILLS_FOR_OFFSET = 3  # all stills are then checked against the offset


@dataclass(frozen=True)
class ExtractionResult:
    """The outcome of a task.

    Attributes:
        files_written: the number of files written.
        offset: index in the video minus the number in a name.
        difference: mean absolute difference, of 255, between video and matching stills.
        problems: a message for each still that does not match the video at the expected frame.
    """

    files_written: int
    offset: int
    difference: float
    problems: tuple[str, ...]


def extract_frames(
    task: ExtractionTask, progress: Callable[[int], None] = lambda frames: None
) -> ExtractionResult:
    """Decode a video once, in order, and write the frames before each still that matches.

    RAM use does not grow with the length of the video. If no frame is missing, nothing is decoded.

    Args:
        task: the frames to extract.
        progress: called with the number of frames decoded so far.

    Raises:
        UserError: if the stills match at no offset, or the video is damaged.
    """
    if not task.missing:
        return ExtractionResult(0, 0, 0.0, ())
    candidates = [still for still in task.stills if still.number >= LARGEST_OFFSET]
    first_stills = candidates[:_STILLS_FOR_OFFSET] or task.stills[:1]
    buffer: dict[int, Image] = {}  # frames decoded before the offset is determined
    writer: _FrameWriter | None = None
    for index, frame in enumerate(open_source(task.video)):
        progress(index + 1)
        if writer is not None:
            if index - writer.offset > task.stills[-1].number:
                break
            writer.add(index, frame.pixels)
            continue
        if _precedes_a_still(index, task):
            buffer[index] = frame.pixels
        if index == first_stills[-1].number + task.expected_offset + LARGEST_OFFSET:
            writer = _start_writer(task, first_stills, buffer)
            buffer = {}
    if writer is None:  # the video ends soon after the first stills
        writer = _start_writer(task, first_stills, buffer)
    return writer.result()


def _precedes_a_still(index: int, task: ExtractionTask) -> bool:
    """Return whether a frame precedes or shows a still, at any possible offset."""
    reach = task.frames_before + LARGEST_OFFSET
    number = index - task.expected_offset
    return any(s.number - reach <= number <= s.number + LARGEST_OFFSET for s in task.stills)


def _start_writer(
    task: ExtractionTask, first_stills: Sequence[Still], buffer: Mapping[int, Image]
) -> "_FrameWriter":
    offset = find_offset(task.sequence, first_stills, buffer, task.expected_offset)
    writer = _FrameWriter(task, offset)
    for index, pixels in buffer.items():
        writer.add(index, pixels)
    return writer


def find_offset(
    sequence: str, stills: Sequence[Still], frames: Mapping[int, Image], expected: int = 0
) -> int:
    """Find the constant offset at which the video matches the stills.

    Args:
        sequence: the name of the sequence, for the error.
        stills: the stills that decide.
        frames: index in the video -> (H, W, 3) RGB, for the frames around the stills.
        expected: the offset to return unless a nearby one is clearly better.

    Raises:
        UserError: if no offset matches.
    """
    images = {still: read_image(still.path, "RGB") for still in stills}
    differences = {
        offset: float(
            np.mean([difference(p, frames[s.number + offset]) for s, p in images.items()])
        )
        for offset in range(expected - LARGEST_OFFSET, expected + LARGEST_OFFSET + 1)
        if all(still.number + offset in frames for still in stills)
    }
    if not differences:
        raise UserError(f"sequence {sequence}: the video ends before {stills[-1].path.name}")
    best = min(differences, key=lambda offset: differences[offset])
    if differences[best] > LARGEST_DIFFERENCE:
        by_offset = ", ".join(f"{offset:+d}: {value:.1f}" for offset, value in differences.items())
        raise UserError(
            f"sequence {sequence}: the video does not match the stills; mean absolute difference "
            f"(of 255) by offset: {by_offset}; the limit is {LARGEST_DIFFERENCE:g}"
        )
    at_expected = differences.get(expected, float("inf"))
    is_clear = differences[best] < _MAX_RATIO * at_expected or at_expected > LARGEST_DIFFERENCE
    return best if is_clear else expected


def difference(still: Image, frame: Image) -> float:
    """Return the mean absolute difference, of 255, between two (H, W, 3) images."""
    resized_frame = _resize(frame, still.shape[:2])
    return float(np.abs(still.astype(np.int16) - resized_frame).mean())


class _FrameWriter:
    """A writer that receives a video's frames in order and writes those before matching stills."""

    def __init__(self, task: ExtractionTask, offset: int) -> None:
        self.offset = offset
        self._task = task
        self._stills = {still.number: still for still in task.stills}
        self._past: deque[tuple[int, Image]] = deque(maxlen=task.frames_before)
        self._written_numbers: set[int] = set()
        self._differences: list[float] = []
        self._problems: list[str] = []

    def add(self, index: int, pixels: Image) -> None:
        number = index - self.offset
        still = self._stills.pop(number, None)
        if still is not None:
            self._compare(still, pixels)
        self._past.append((number, pixels))

    def _compare(self, still: Still, pixels: Image) -> None:
        image = read_image(still.path, "RGB")
        mean = difference(image, pixels)
        if mean > LARGEST_DIFFERENCE:
            self._problems.append(
                f"{still.path.name}: the video differs by {mean:.1f} of 255 on average"
            )
            return
        self._differences.append(mean)
        self._write(still.number, image.shape[:2])

    def _write(self, number: int, size: tuple[int, ...]) -> None:
        for past_number, pixels in self._past:
            is_new = past_number not in self._written_numbers
            if number - self._task.frames_before <= past_number < number and is_new:
                path = self._task.missing.get(past_number)
                if path is not None:
                    _save(_resize(pixels, size), path)
                    self._written_numbers.add(past_number)

    def result(self) -> ExtractionResult:
        remaining: Iterable[Still] = self._stills.values()
        problems = [
            *self._problems, *(f"{s.path.name}: the video ends before it" for s in remaining)
        ]  # fmt: skip
        mean = float(np.mean(self._differences)) if self._differences else 0.0
        return ExtractionResult(len(self._written_numbers), self.offset, mean, tuple(problems))


def _resize(frame: Image, size: tuple[int, ...]) -> Image:
    """Resize to (height, width), as some cameras record pixels that are not square."""
    if frame.shape[:2] == size:
        return frame
    return np.asarray(PillowImage.fromarray(frame).resize((size[1], size[0])))


def _save(pixels: Image, path: Path) -> None:
    """Save under a temporary name first, as an existing file counts as complete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    PillowImage.fromarray(pixels).save(temporary_path(path))
    temporary_path(path).replace(path)

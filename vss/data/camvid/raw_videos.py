"""Past frames of CamVid's labelled stills, cut out of the raw videos. Imports no torch.

The official release has stills such as `0016E5_07959.png`, labels `0016E5_07959_L.png` and one
video a sequence. The number in a name is taken as the frame's index in the video, and that is
checked: where the stills fit another constant offset clearly better, that one is used.
"""

import re
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image as PillowImage

from vss.errors import UserError
from vss.media.image import Image
from vss.media.temporary_path import temporary_path
from vss.media.video import open_source

LARGEST_OFFSET = 5  # video frames
LARGEST_DIFFERENCE = 12.0  # mean, absolute, of 255: compression stays far below
_CLEARLY_BETTER = 0.8  # of the difference at offset 0
_CHECKED = 3  # stills that decide on the offset; all are checked at it
_VIDEO_ENDINGS = (".mxf", ".avi", ".mp4", ".mov", ".mkv")
_STILL_ENDINGS = (".png", ".jpg", ".jpeg")
# The official release names two videos otherwise, and one begins in the middle of its sequence:
# sequence -> beginning of the video's name, and its index less the number (as TMANet's script has
# it; a few frames either way are searched).
_OFFICIAL = {"0001TP": ("01TP_extract", -6660), "Seq05VD": ("0005VD", 0)}
_NAME = re.compile(r"^(?P<prefix>(?P<sequence>.+)_f?)(?P<number>\d+)$")


@dataclass(frozen=True)
class Still:
    """A labelled picture; its name is `prefix` and the number in `digits` digits."""

    path: Path
    prefix: str
    number: int
    digits: int

    def name_of(self, number: int) -> str:
        """The file name of another frame of the same video."""
        return f"{self.prefix}{number:0{self.digits}d}.png"


@dataclass(frozen=True)
class Task:
    """What is to be cut out of one video.

    Attributes:
        stills: the labelled ones, in time order.
        wanted: number -> file to be written, for those that are not there yet.
        before: frames before each still.
        expected: index in the video less the number in a name, give or take a few frames.
    """

    sequence: str
    video: Path
    stills: tuple[Still, ...]
    wanted: Mapping[int, Path]
    before: int
    expected: int = 0

    @property
    def video_frames(self) -> int:
        """Those that are decoded at most."""
        return self.stills[-1].number + self.expected + LARGEST_OFFSET + 1


@dataclass(frozen=True)
class Done:
    """What came of a task.

    Attributes:
        written: files.
        offset: video index minus number in the name.
        difference: mean over the stills that fit, of 255.
        refused: a line for each still that the video does not show at its place.
    """

    written: int
    offset: int
    difference: float
    refused: tuple[str, ...]


def camvid_tasks(root: Path, out: Path, before: int) -> list[Task]:
    """Look for labelled stills and their videos, and for what is already cut out.

    Args:
        root: the official release, in any folders; it is only read.
        out: where the frames go; may lie in `root`, nothing that is there is written again.
        before: frames before each still.

    Raises:
        UserError: if there is no labelled still, or a sequence has no video or several.
    """
    if not root.is_dir():
        raise UserError(f"no folder {root}: give the one that holds CamVid's stills and videos")
    files = sorted(path for path in root.rglob("*") if path.is_file())
    sequences = _labelled_stills(files)
    if not sequences:
        raise UserError(
            f"{root} holds no labelled still: expected e.g. 0016E5_07959.png and 0016E5_07959_L.png"
        )
    tasks = []
    for name, stills in sequences.items():
        video = _video_of(name, files, root)
        alias, shift = _OFFICIAL.get(name, ("", 0))
        named_so = bool(alias) and video.stem.lower().startswith(alias.lower())
        wanted = _wanted(stills, out, before)
        tasks.append(Task(name, video, stills, wanted, before, shift if named_so else 0))
    return tasks


def _labelled_stills(files: Sequence[Path]) -> dict[str, tuple[Still, ...]]:
    labels = {path.stem for path in files if path.stem.endswith("_L")}
    found: dict[str, dict[int, Still]] = defaultdict(dict)
    for path in files:
        name = _NAME.match(path.stem)
        if name and path.suffix.lower() in _STILL_ENDINGS and f"{path.stem}_L" in labels:
            number = int(name["number"])
            still = Still(path, name["prefix"], number, len(name["number"]))
            found[name["sequence"]].setdefault(number, still)
    return {name: tuple(stills[n] for n in sorted(stills)) for name, stills in found.items()}


def _video_of(sequence: str, files: Sequence[Path], root: Path) -> Path:
    beginnings = [sequence, *([_OFFICIAL[sequence][0]] if sequence in _OFFICIAL else [])]
    found = [
        path
        for path in files
        if path.suffix.lower() in _VIDEO_ENDINGS
        and path.stem.lower().startswith(tuple(name.lower() for name in beginnings))
    ]
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        begins = " or ".join(beginnings)
        raise UserError(
            f"sequence {sequence} needs one video under {root} whose name begins with {begins} "
            f"({', '.join(_VIDEO_ENDINGS)}), found {names}"
        )
    return found[0]


def _wanted(stills: Sequence[Still], out: Path, before: int) -> dict[int, Path]:
    labelled = {still.number for still in stills}
    wanted = {
        number: out / still.name_of(number)
        for still in stills
        for number in range(max(0, still.number - before), still.number)
        if number not in labelled
    }
    return {number: path for number, path in wanted.items() if not path.exists()}


def extract(task: Task, progress: Callable[[int], None] = lambda done: None) -> Done:
    """Decode a video once, in order, and write the frames before each still that fits.

    Memory does not grow with the video's length. Nothing is decoded if nothing is missing.

    Args:
        task: what to cut out.
        progress: told how many frames are decoded.

    Raises:
        UserError: if the stills fit at no offset, with the differences; if the video is broken.
    """
    if not task.wanted:
        return Done(0, 0, 0.0, ())
    first = [s for s in task.stills if s.number >= LARGEST_OFFSET][:_CHECKED] or task.stills[:1]
    kept: dict[int, Image] = {}
    cutter: _Cutter | None = None
    for index, picture in enumerate(open_source(task.video)):
        progress(index + 1)
        if cutter is not None:
            if index - cutter.offset > task.stills[-1].number:
                break
            cutter.take(index, picture.pixels)
            continue
        if _is_near(index, task):
            kept[index] = picture.pixels
        if index == first[-1].number + task.expected + LARGEST_OFFSET:
            cutter = _start(task, first, kept)
            kept = {}
    cutter = cutter or _start(task, first, kept)  # the video ends soon after the first stills
    return cutter.done()


def _is_near(index: int, task: Task) -> bool:
    """Whether a frame may be needed once the offset is known."""
    reach = task.before + LARGEST_OFFSET
    number = index - task.expected
    return any(s.number - reach <= number <= s.number + LARGEST_OFFSET for s in task.stills)


def _start(task: Task, first: Sequence[Still], kept: Mapping[int, Image]) -> "_Cutter":
    cutter = _Cutter(task, find_offset(task.sequence, first, kept, task.expected))
    for index, pixels in kept.items():
        cutter.take(index, pixels)
    return cutter


def find_offset(
    sequence: str, stills: Sequence[Still], frames: Mapping[int, Image], expected: int = 0
) -> int:
    """The constant offset at which the stills are found; as expected unless another is better.

    Args:
        sequence: its name, for the error.
        stills: that decide.
        frames: index in the video -> (H, W, 3) RGB, around the stills.
        expected: in the middle of the offsets that are tried.

    Raises:
        UserError: if the stills are found at none.
    """
    pictures = {still: _read(still) for still in stills}
    differences = {
        offset: float(
            np.mean([difference(p, frames[s.number + offset]) for s, p in pictures.items()])
        )
        for offset in range(expected - LARGEST_OFFSET, expected + LARGEST_OFFSET + 1)
        if all(still.number + offset in frames for still in stills)
    }
    if not differences:
        raise UserError(f"sequence {sequence}: its video ends before {stills[-1].path.name}")
    best = min(differences, key=lambda offset: differences[offset])
    if differences[best] > LARGEST_DIFFERENCE:
        found = ", ".join(f"{offset:+d}: {value:.1f}" for offset, value in differences.items())
        raise UserError(
            f"sequence {sequence}: its video does not show its stills; mean difference of 255 by "
            f"offset: {found}; at most {LARGEST_DIFFERENCE:g} is taken"
        )
    there = differences.get(expected, float("inf"))
    clear = differences[best] < _CLEARLY_BETTER * there or there > LARGEST_DIFFERENCE
    return best if clear else expected


def difference(still: Image, frame: Image) -> float:
    """Mean absolute difference of two (H, W, 3) pictures, of 255; the frame is scaled."""
    fitted = _fitted(frame, still.shape[:2])
    return float(np.abs(still.astype(np.int16) - fitted).mean())


class _Cutter:
    """Takes frames in order; writes those before a still once that still has been found."""

    def __init__(self, task: Task, offset: int) -> None:
        self.offset = offset
        self._task = task
        self._stills = {still.number: still for still in task.stills}
        self._past: deque[tuple[int, Image]] = deque(maxlen=task.before)
        self._written: set[int] = set()
        self._differences: list[float] = []
        self._refused: list[str] = []

    def take(self, index: int, pixels: Image) -> None:
        number = index - self.offset
        still = self._stills.pop(number, None)
        if still is not None:
            self._check(still, pixels)
        self._past.append((number, pixels))

    def _check(self, still: Still, pixels: Image) -> None:
        picture = _read(still)
        found = difference(picture, pixels)
        if found > LARGEST_DIFFERENCE:
            self._refused.append(f"{still.path.name}: the video differs by {found:.1f} of 255")
            return
        self._differences.append(found)
        self._write(still.number, picture.shape[:2])

    def _write(self, number: int, size: tuple[int, ...]) -> None:
        for past, pixels in self._past:
            if number - self._task.before <= past < number and past not in self._written:
                path = self._task.wanted.get(past)
                if path is not None:
                    _save(_fitted(pixels, size), path)
                    self._written.add(past)

    def done(self) -> Done:
        missing: Iterable[Still] = self._stills.values()
        refused = [*self._refused, *(f"{s.path.name}: the video ends before it" for s in missing)]
        mean = float(np.mean(self._differences)) if self._differences else 0.0
        return Done(len(self._written), self.offset, mean, tuple(refused))


def _read(still: Still) -> Image:
    try:
        with PillowImage.open(still.path) as picture:
            return np.asarray(picture.convert("RGB"))
    except OSError as error:
        raise UserError(f"cannot read still {still.path}: {error}") from None


def _fitted(frame: Image, size: tuple[int, ...]) -> Image:
    """Scaled to (height, width); some cameras record pixels that are not square."""
    if frame.shape[:2] == size:
        return frame
    return np.asarray(PillowImage.fromarray(frame).resize((size[1], size[0])))


def _save(pixels: Image, path: Path) -> None:
    """Under a temporary name until it is whole: what is there is never written again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    PillowImage.fromarray(pixels).save(temporary_path(path))
    temporary_path(path).replace(path)

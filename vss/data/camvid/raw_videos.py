"""CamVid's labelled stills and raw videos, and which past frames are missing. Imports no torch.

The official release has stills such as `0016E5_07959.png`, labels `0016E5_07959_L.png` and one
video per sequence.
"""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vss.errors import UserError

LARGEST_OFFSET = 5  # video frames by which the numbers in names may be off, in either direction
_VIDEO_SUFFIXES = (".mxf", ".avi", ".mp4", ".mov", ".mkv")
_STILL_SUFFIXES = (".png", ".jpg", ".jpeg")
# The official release names two videos differently, and one starts in the middle of its sequence:
# sequence -> start of the video's name, and index minus number (from TMANet's script; the frames
# around it are searched, too).
_OFFICIAL = {"0001TP": ("01TP_extract", -6660), "Seq05VD": ("0005VD", 0)}
_NAME = re.compile(r"^(?P<prefix>(?P<sequence>.+)_f?)(?P<number>\d+)$")


@dataclass(frozen=True)
class Still:
    """A labelled image, whose name is `prefix` plus its number, zero-padded to `digits` digits."""

    path: Path
    prefix: str
    number: int
    digits: int

    def file_name(self, number: int) -> str:
        """Return the file name of the frame with this number in the same video."""
        return f"{self.prefix}{number:0{self.digits}d}.png"


@dataclass(frozen=True)
class ExtractionTask:
    """The frames to extract from one video.

    Attributes:
        sequence: the name of the sequence.
        video: path of its video.
        stills: the labelled images, in time order.
        missing: number -> file to write, for frames that are not yet on disk.
        frames_before: the number of frames to extract before each still.
        expected_offset: the index in the video minus the number in a name, within a few frames.
    """

    sequence: str
    video: Path
    stills: tuple[Still, ...]
    missing: Mapping[int, Path]
    frames_before: int
    expected_offset: int = 0

    @property
    def video_frames(self) -> int:
        """The largest number of frames that may have to be decoded."""
        return self.stills[-1].number + self.expected_offset + LARGEST_OFFSET + 1


def plan_extraction(root: Path, out: Path, frames_before: int) -> list[ExtractionTask]:
    """Find the labelled stills and their videos, and the frames that are still missing.

    Args:
        root: the folder of the official release, with subfolders of any name; it is only read.
        out: the folder for the frames, which may be inside `root`: no file is ever overwritten.
        frames_before: the number of frames to extract before each still.

    Raises:
        UserError: if there is no labelled still, or a sequence has no video or several.
    """
    if not root.is_dir():
        raise UserError(
            f"folder {root} does not exist: pass the one with CamVid's stills and videos"
        )
    files = sorted(path for path in root.rglob("*") if path.is_file())
    sequences = _labelled_stills(files)
    if not sequences:
        raise UserError(
            f"{root} contains no labelled stills: expected e.g. 0016E5_07959.png and "
            "0016E5_07959_L.png"
        )
    tasks = []
    for name, stills in sequences.items():
        video = _find_video(name, files, root)
        alias, shift = _OFFICIAL.get(name, ("", 0))
        has_alias = bool(alias) and video.stem.lower().startswith(alias.lower())
        missing = _missing_frames(stills, out, frames_before)
        tasks.append(
            ExtractionTask(name, video, stills, missing, frames_before, shift if has_alias else 0)
        )
    return tasks


def _labelled_stills(files: Sequence[Path]) -> dict[str, tuple[Still, ...]]:
    labels = {path.stem for path in files if path.stem.endswith("_L")}
    by_sequence: dict[str, dict[int, Still]] = defaultdict(dict)
    for path in files:
        name = _NAME.match(path.stem)
        if name and path.suffix.lower() in _STILL_SUFFIXES and f"{path.stem}_L" in labels:
            number = int(name["number"])
            still = Still(path, name["prefix"], number, len(name["number"]))
            by_sequence[name["sequence"]].setdefault(number, still)
    return {name: tuple(stills[n] for n in sorted(stills)) for name, stills in by_sequence.items()}


def _find_video(sequence: str, files: Sequence[Path], root: Path) -> Path:
    prefixes = [sequence, *([_OFFICIAL[sequence][0]] if sequence in _OFFICIAL else [])]
    videos = [
        path
        for path in files
        if path.suffix.lower() in _VIDEO_SUFFIXES
        and path.stem.lower().startswith(tuple(prefix.lower() for prefix in prefixes))
    ]
    if len(videos) != 1:
        names = ", ".join(path.name for path in videos) or "none"
        raise UserError(
            f"sequence {sequence} needs one video under {root} whose name starts with "
            f"{' or '.join(prefixes)} ({', '.join(_VIDEO_SUFFIXES)}); found {names}"
        )
    return videos[0]


def _missing_frames(stills: Sequence[Still], out: Path, frames_before: int) -> dict[int, Path]:
    still_numbers = {still.number for still in stills}
    files = {
        number: out / still.file_name(number)
        for still in stills
        for number in range(max(0, still.number - frames_before), still.number)
        if number not in still_numbers
    }
    return {number: path for number, path in files.items() if not path.exists()}

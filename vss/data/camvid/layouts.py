"""The forms in which people have CamVid, recognised by looking. Imports no torch.

- index: the 480x360 form of the SegNet tutorial, one list of images and labels a split;
- tmanet: `images/ labels/ image_sequence/ annotations/` of TMANet's code, one list of names a
  split (its test list leaves out Seq05VD_f00000: 232 frames), void is label value 0;
- official: stills and labels `*_L.png` in 32 colours in folders of any name, no lists.

In the last two the frames of the videos may lie beside: they have no label and are of the split of
the labelled frame that follows them, whose memory they are. Files are found by name.
"""

import os
import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image as PillowImage

from vss.data.camvid.labels import read_colours, read_index, read_void_first
from vss.data.dataset import Frame
from vss.errors import UserError
from vss.media.image import Image

SPLITS = ("train", "val", "test")
NAME = re.compile(r"^(?P<sequence>.+)_f?(?P<number>\d+)$")
_IMAGES = (".png", ".jpg", ".jpeg")
_LABEL_END = "_L"


@dataclass(frozen=True)
class Listing:
    """What a folder holds.

    Attributes:
        form: index, tmanet or official.
        frames: in time order inside each sequence and split.
        read_label: file -> (H, W) values 0 to 10, and 11 for void.
    """

    form: str
    frames: tuple[Frame, ...]
    read_label: Callable[[Path], Image]


def listing(root: Path) -> Listing:
    """Recognise the form of a folder and list its frames.

    Raises:
        UserError: naming what is missing.
    """
    if (root / "annotations").is_dir() and (root / "labels").is_dir():
        return _tmanet(root)
    if not any((root / f"{split}.txt").is_file() for split in SPLITS):
        labels, images = _files(root)
        if labels:
            return _official(root, labels, images)
    frames = tuple(frame for split in SPLITS for frame in _listed(root, split))
    return Listing("index", frames, read_index)


def split_of(sequence: str, number: int) -> str:
    """The usual split, which the official release has no lists of, as a rule.

    Checked against the lists of the SegNet tutorial: 367, 101 and 233 frames.

    Raises:
        UserError: if there is no such sequence in CamVid.
    """
    match sequence:
        case "0001TP":
            return "train" if number <= 8520 else "test"
        case "0006R0":
            return "train"
        case "0016E5":
            return "val" if 7920 < number <= 8159 else "train"
        case "Seq05VD":
            return "test"
    raise UserError(
        f"'{sequence}' is not a sequence of CamVid; known: 0001TP, 0006R0, 0016E5, Seq05VD"
    )


def _official(root: Path, labels: dict[str, Path], images: dict[str, Path]) -> Listing:
    lost = sorted(labels.keys() - images.keys())
    if lost:
        raise UserError(
            f"camvid at {root} is incomplete: label {labels[lost[0]].name} has no image "
            f"{lost[0]}.png ({len(lost)} of {len(labels)} labels have none)"
        )
    named = {stem: parse_name(stem, labels[stem]) for stem in labels}
    splits = {stem: split_of(*name) for stem, name in named.items()}
    return Listing("official", _frames(root, splits, labels, images), read_colours)


def _tmanet(root: Path) -> Listing:
    labels, images = _files(root)
    splits: dict[str, str] = {}
    for split in SPLITS:
        path = root / "annotations" / f"{split}.txt"
        for stem, place in _lines(root, path):
            for found, what in ((images, f"images/{stem}.png"), (labels, f"labels/{stem}_L.png")):
                if stem not in found:
                    raise UserError(f"camvid at {root} is incomplete: {what} is missing ({place})")
            if splits.setdefault(stem, split) != split:
                raise UserError(f"{place}: {stem} is in {splits[stem]} too")
    if not splits:
        raise UserError(f"camvid at {root} is empty: the lists in annotations/ name no frame")
    first = labels[next(iter(splits))]
    return Listing("tmanet", _frames(root, splits, labels, images), _reader(first))


def _reader(label: Path) -> Callable[[Path], Image]:
    """TMANet's script writes class indices; some keep the official colours there."""
    try:
        with PillowImage.open(label) as image:
            return read_colours if image.mode == "RGB" else read_void_first
    except OSError as error:
        raise UserError(f"cannot read label {label.name}: {error}") from None


def _frames(
    root: Path, splits: dict[str, str], labels: dict[str, Path], images: dict[str, Path]
) -> tuple[Frame, ...]:
    """Labelled frames, and those of the videos beside that lie before one of them."""
    frames = {}
    for stem, split in splits.items():
        sequence, number = parse_name(stem, images[stem])
        image, label = (path.relative_to(root).as_posix() for path in (images[stem], labels[stem]))
        frames[sequence, number] = Frame(split, sequence, number, image, label)
    for frame in [*_beside(root, frames.values(), images)]:
        frames.setdefault((frame.sequence, frame.number), frame)
    order = {split: place for place, split in enumerate(SPLITS)}
    return tuple(sorted(frames.values(), key=lambda f: (order[f.split], f.sequence, f.number)))


def _beside(root: Path, labelled: Iterable[Frame], images: dict[str, Path]) -> Iterator[Frame]:
    following: dict[str, list[tuple[int, str]]] = {}
    for frame in labelled:
        following.setdefault(frame.sequence, []).append((frame.number, frame.split))
    for known in following.values():
        known.sort()
    for stem, path in images.items():
        name = NAME.match(stem)
        known = following.get(name["sequence"], []) if name else []
        place = bisect_left(known, (int(name["number"]), "")) if name else 0
        if name and place < len(known):
            image = path.relative_to(root).as_posix()
            yield Frame(known[place][1], name["sequence"], int(name["number"]), image, "")


def _files(root: Path) -> tuple[dict[str, Path], dict[str, Path]]:
    """Labels and images by the stem of the image; stills win over frames of the videos."""
    labels: dict[str, Path] = {}
    images: dict[str, Path] = {}
    for folder, folders, names in os.walk(root):
        folders.sort(key=lambda name: (name == "image_sequence", name))
        for path in (Path(folder, name) for name in sorted(names)):
            if path.suffix.lower() not in _IMAGES:
                continue
            if path.stem.endswith(_LABEL_END):
                labels.setdefault(path.stem.removesuffix(_LABEL_END), path)
            else:
                images.setdefault(path.stem, path)
    return labels, images


def _listed(root: Path, split: str) -> Iterator[Frame]:
    listing = root / f"{split}.txt"
    for line, place in _lines(root, listing):
        yield _frame(root, split, line.split(), place)


def _lines(root: Path, path: Path) -> Iterator[tuple[str, str]]:
    """The lines that are not empty, each with its place for messages."""
    if not path.is_file():
        raise UserError(
            f"camvid at {root} is incomplete: {path.name} is missing; expected are "
            "train.txt, val.txt and test.txt with the folders that they list, TMANet's "
            "annotations/, images/ and labels/, or the official stills with their *_L.png"
        )
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        if line.strip():
            yield line.strip(), f"{path}, line {number}"


def _frame(root: Path, split: str, entry: list[str], place: str) -> Frame:
    if len(entry) != 2:
        raise UserError(f"{place}: expected an image and a label, found {len(entry)} words")
    # Lists in circulation hold absolute paths of another machine: folder and file name suffice.
    image, label = ("/".join(Path(path).parts[-2:]) for path in entry)
    for path in (image, label):
        if not (root / path).is_file():
            raise UserError(f"camvid at {root} is incomplete: {path} is missing ({place})")
    sequence, number = parse_name(Path(image).stem, place)
    return Frame(split, sequence, number, image, label)


def parse_name(stem: str, place: object) -> tuple[str, int]:
    """Sequence and frame number of a file name such as 0006R0_f00930.

    Raises:
        UserError: naming the place, if there is no number in it.
    """
    name = NAME.match(stem)
    if name is None:
        raise UserError(f"{place}: no frame number in '{stem}', expected e.g. 0001TP_006690")
    return name["sequence"], int(name["number"])

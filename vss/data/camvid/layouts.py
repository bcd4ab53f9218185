"""The layouts in which CamVid circulates, recognised by the contents of a folder. Imports no torch.

- index: the 480x360 layout of the SegNet tutorial, with one list of images and labels per split;
- tmanet: `images/ labels/ image_sequence/ annotations/` of TMANet's code, with one list of names
  per split (its test list omits Seq05VD_f00000, leaving 232 frames); void is label value 0;
- official: stills and labels `*_L.png` in 32 colours, in folders of any name, without lists.

In the last two, video frames may be stored next to the stills. They have no label and belong to the
split of the next labelled frame, as part of its memory. Files are found by name.
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
from vss.untrusted.limited_file import MIB, read_text

SPLITS = ("train", "val", "test")
NAME = re.compile(r"^(?P<sequence>.+)_f?(?P<number>\d+)$")
_IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg")
_LABEL_SUFFIX = "_L"


@dataclass(frozen=True)
class Listing:
    """The frames of a folder, and how its labels are stored.

    Attributes:
        layout: index, tmanet or official.
        frames: the frames, in time order within each sequence and split.
        read_label: file -> (H, W) values 0 to 10, and IGNORE_LABEL for void.
    """

    layout: str
    frames: tuple[Frame, ...]
    read_label: Callable[[Path], Image]


def list_frames(root: Path) -> Listing:
    """Recognise the layout of a folder and list its frames.

    Raises:
        UserError: naming the missing file.
    """
    if (root / "annotations").is_dir() and (root / "labels").is_dir():
        return _list_tmanet(root)
    if not any((root / f"{split}.txt").is_file() for split in SPLITS):
        labels, images = _collect_files(root)
        if labels:
            return _list_official(root, labels, images)
    frames = tuple(frame for split in SPLITS for frame in _read_list(root, split))
    return Listing("index", frames, read_index)


def find_split(sequence: str, number: int) -> str:
    """Return the usual split of a frame, as the official release comes without lists.

    The rule agrees with the lists of the SegNet tutorial: 367, 101 and 233 frames.

    Raises:
        UserError: if CamVid has no such sequence.
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
    raise UserError(f"'{sequence}' is not a sequence of CamVid (0001TP, 0006R0, 0016E5 or Seq05VD)")


def parse_name(stem: str, source: object) -> tuple[str, int]:
    """Split a file name such as 0006R0_f00930 into sequence and frame number.

    Args:
        stem: the name without its extension.
        source: the file or line that contains the name, for the message.

    Raises:
        UserError: if the name has no number.
    """
    name = NAME.match(stem)
    if name is None:
        raise UserError(f"{source}: '{stem}' has no frame number, expected e.g. 0001TP_006690")
    return name["sequence"], int(name["number"])


def _list_official(root: Path, labels: dict[str, Path], images: dict[str, Path]) -> Listing:
    missing = sorted(labels.keys() - images.keys())
    if missing:
        raise UserError(
            f"camvid at {root} is incomplete: label {labels[missing[0]].name} has no image "
            f"{missing[0]}.png ({len(missing)} of {len(labels)} labels have none)"
        )
    names = {stem: parse_name(stem, labels[stem]) for stem in labels}
    splits = {stem: find_split(*name) for stem, name in names.items()}
    return Listing("official", _frames(root, splits, labels, images), read_colours)


def _list_tmanet(root: Path) -> Listing:
    labels, images = _collect_files(root)
    splits: dict[str, str] = {}
    for split in SPLITS:
        for stem, line in _read_lines(root, root / "annotations" / f"{split}.txt"):
            for files, name in ((images, f"images/{stem}.png"), (labels, f"labels/{stem}_L.png")):
                if stem not in files:
                    raise UserError(f"camvid at {root} is incomplete: {name} is missing ({line})")
            if splits.setdefault(stem, split) != split:
                raise UserError(f"{line}: {stem} is also in the list of {splits[stem]}")
    if not splits:
        raise UserError(f"camvid at {root} is empty: the lists in annotations/ name no frames")
    first = labels[next(iter(splits))]
    return Listing("tmanet", _frames(root, splits, labels, images), _label_reader(first))


def _label_reader(label: Path) -> Callable[[Path], Image]:
    """Choose the reader: TMANet's script writes class indices; some keep the official colours."""
    try:
        with PillowImage.open(label) as image:
            return read_colours if image.mode == "RGB" else read_void_first
    except OSError as error:
        raise UserError(f"cannot read label {label.name}: {error}") from None


def _frames(
    root: Path, splits: dict[str, str], labels: dict[str, Path], images: dict[str, Path]
) -> tuple[Frame, ...]:
    """List the labelled frames, and the video frames that precede one of them."""
    frames = {}
    for stem, split in splits.items():
        sequence, number = parse_name(stem, images[stem])
        image, label = (path.relative_to(root).as_posix() for path in (images[stem], labels[stem]))
        frames[sequence, number] = Frame(split, sequence, number, image, label)
    for frame in [*_unlabelled_frames(root, frames.values(), images)]:
        frames.setdefault((frame.sequence, frame.number), frame)
    order = {split: position for position, split in enumerate(SPLITS)}
    return tuple(sorted(frames.values(), key=lambda f: (order[f.split], f.sequence, f.number)))


def _unlabelled_frames(
    root: Path, labelled_frames: Iterable[Frame], images: dict[str, Path]
) -> Iterator[Frame]:
    """Yield the images that precede a labelled frame, in the split of the next labelled one."""
    by_sequence: dict[str, list[tuple[int, str]]] = {}
    for frame in labelled_frames:
        by_sequence.setdefault(frame.sequence, []).append((frame.number, frame.split))
    for targets in by_sequence.values():
        targets.sort()
    for stem, path in images.items():
        name = NAME.match(stem)
        if name is None:
            continue
        targets = by_sequence.get(name["sequence"], [])
        following = bisect_left(targets, (int(name["number"]), ""))
        if following < len(targets):
            image = path.relative_to(root).as_posix()
            yield Frame(targets[following][1], name["sequence"], int(name["number"]), image, "")


def _collect_files(root: Path) -> tuple[dict[str, Path], dict[str, Path]]:
    """Map each stem to its label and to its image; stills take precedence over video frames."""
    labels: dict[str, Path] = {}
    images: dict[str, Path] = {}
    for folder, folders, names in os.walk(root):
        folders.sort(key=lambda name: (name == "image_sequence", name))
        for path in (Path(folder, name) for name in sorted(names)):
            if path.suffix.lower() not in _IMAGE_SUFFIXES:
                continue
            if path.stem.endswith(_LABEL_SUFFIX):
                labels.setdefault(path.stem.removesuffix(_LABEL_SUFFIX), path)
            else:
                images.setdefault(path.stem, path)
    return labels, images


def _read_list(root: Path, split: str) -> Iterator[Frame]:
    for entry, line in _read_lines(root, root / f"{split}.txt"):
        yield _parse_entry(root, split, entry.split(), line)


def _read_lines(root: Path, path: Path) -> Iterator[tuple[str, str]]:
    """Yield the non-empty lines, each with its file and line number for messages."""
    if not path.is_file():
        raise UserError(
            f"camvid at {root} is incomplete: {path.name} is missing; expected one of three "
            "layouts: train.txt, val.txt and test.txt with the folders that they list; TMANet's "
            "annotations/, images/ and labels/; or the official stills with their *_L.png labels"
        )
    for number, line in enumerate(read_text(path, "list", 16 * MIB).splitlines(), start=1):
        if line.strip():
            yield line.strip(), f"{path}, line {number}"


def _parse_entry(root: Path, split: str, entry: list[str], line: str) -> Frame:
    if len(entry) != 2:
        raise UserError(f"{line}: expected an image and a label, got {len(entry)} words")
    # Lists in circulation contain another machine's absolute paths: folder and file name suffice.
    image, label = ("/".join(Path(path).parts[-2:]) for path in entry)
    for path in (image, label):
        if not (root / path).is_file():
            raise UserError(f"camvid at {root} is incomplete: {path} is missing ({line})")
    sequence, number = parse_name(Path(image).stem, line)
    return Frame(split, sequence, number, image, label)

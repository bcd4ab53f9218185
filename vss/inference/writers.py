"""What is made of predictions: an overlay video, a folder of index PNGs. Imports no torch.

Both stand under a temporary name until they are complete.
"""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from vss.errors import UserError
from vss.media.image import Image
from vss.media.render import Colour, index_picture, legend, overlay
from vss.media.temporary_path import temporary_path
from vss.media.video import VIDEO_ENDINGS, Picture, Source, VideoFile


class Writer(Protocol):
    """Takes predictions, in order."""

    path: Path

    def write(self, picture: Picture, classes: Image) -> None:
        """Add the (H, W) class indices of a frame."""

    def finish(self) -> None:
        """Give what was written its name."""

    def discard(self) -> None:
        """Leave nothing."""


class OverlayVideo:
    """The frames with the classes' colours laid over them.

    Args:
        path: of the video.
        source: whose rate and times it keeps.
        classes: name -> RGB colour, in the order of the indices.
        alpha: 0 shows the frame alone, 1 the classes alone.
        with_legend: name the colours in a strip below the frame.
    """

    def __init__(
        self,
        path: Path,
        source: Source,
        classes: Mapping[str, Colour],
        alpha: float,
        with_legend: bool,
    ) -> None:
        self.path = path
        self._file = VideoFile(path, source.rate, source.time_base)
        self._classes = dict(classes)
        self._palette = list(classes.values())
        self._alpha = alpha
        self._with_legend = with_legend
        self._legend: Image | None = None

    def write(self, picture: Picture, classes: Image) -> None:
        """Add a frame."""
        shown = overlay(picture.pixels, classes, self._palette, self._alpha)
        if self._with_legend:
            if self._legend is None:  # drawn once, now that the width is known
                self._legend = legend(self._classes, shown.shape[1])
            shown = np.concatenate([shown, self._legend])
        self._file.write(shown, picture.ticks)

    def finish(self) -> None:
        """Close the file and give it its name."""
        self._file.finish()

    def discard(self) -> None:
        """Leave nothing."""
        self._file.discard()


class IndexPictures:
    """A folder of PNGs whose values are class indices, named like the frames.

    Args:
        path: the folder; it must not hold anything yet.
        palette: the colours in which viewers show the indices.

    Raises:
        UserError: if the folder holds something.
    """

    def __init__(self, path: Path, palette: Sequence[Colour]) -> None:
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise UserError(f"{path} is there already: name a new folder for the index PNGs")
        self.path = path
        self._palette = palette
        self._folder = temporary_path(path)
        shutil.rmtree(self._folder, ignore_errors=True)  # of a run that was killed
        self._folder.mkdir(parents=True)

    def write(self, picture: Picture, classes: Image) -> None:
        """Add a frame.

        Raises:
            UserError: if two frames have one name.
        """
        file = self._folder / f"{picture.name}.png"
        if file.exists():
            raise UserError(f"two frames are named '{picture.name}': rename one")
        index_picture(classes, self._palette).save(file)

    def finish(self) -> None:
        """Give the folder its name."""
        self._folder.replace(self.path)

    def discard(self) -> None:
        """Leave nothing."""
        shutil.rmtree(self._folder, ignore_errors=True)


def writers_for(
    out: Path,
    masks: Path | None,
    source: Source,
    classes: Mapping[str, Colour],
    alpha: float = 0.5,
    with_legend: bool = True,
) -> list[Writer]:
    """The writers that paths ask for.

    Args:
        out: a video by its ending, else a folder of index PNGs.
        masks: a folder of index PNGs beside a video.
        source: what is predicted; it is never written to.
        classes: name -> RGB colour, in the order of the indices.
        alpha: of the overlay.
        with_legend: of the overlay.

    Raises:
        UserError: if a path cannot be written to, or is the source itself.
    """
    folders = [path for path in (out, masks) if path is not None]
    for path in folders:
        if path.resolve() == source.path.resolve():
            raise UserError(f"{path} is the video that is read: name another file or folder")
        if not path.resolve().parent.is_dir():
            raise UserError(f"no folder {path.resolve().parent} to write {path.name} into")
    found: list[Writer] = []
    if out.suffix.lower() in VIDEO_ENDINGS:
        folders.remove(out)
        found.append(OverlayVideo(out, source, classes, alpha, with_legend))
    elif out.suffix and not out.is_dir():
        raise UserError(
            f"--out {out}: end it in {' or '.join(VIDEO_ENDINGS)} for an overlay video, "
            "or name a folder for index PNGs"
        )
    return [*found, *(IndexPictures(path, list(classes.values())) for path in folders)]

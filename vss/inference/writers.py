"""Write predictions: as an overlay video, or as a folder of index PNGs. Imports no torch.

Both have temporary names until they are complete.
"""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from vss.errors import UserError
from vss.media.image import Image
from vss.media.render import Colour, draw_legend, draw_overlay, make_index_picture
from vss.media.temporary_path import (
    check_writable_file,
    check_writable_parent,
    temporary_path,
)
from vss.media.video import VIDEO_SUFFIXES, Source, VideoFile, VideoFrame


class PredictionWriter(Protocol):
    """A destination for predictions, which arrive in the order of the frames."""

    path: Path

    def write(self, frame: VideoFrame, classes: Image) -> None:
        """Write the (H, W) class indices of a frame."""

    def finish(self) -> None:
        """Rename the output to its final name."""

    def discard(self) -> None:
        """Delete the unfinished output."""


class OverlayVideoWriter:
    """A writer of a video with the colours of the classes laid over its frames.

    Args:
        path: path of the new video.
        source: the source whose frame rate and frame times the video adopts.
        classes: name -> RGB colour, in the order of the indices.
        alpha: 0 shows only the frame, 1 only the classes.
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

    def write(self, frame: VideoFrame, classes: Image) -> None:
        """Write a frame."""
        pixels = draw_overlay(frame.pixels, classes, self._palette, self._alpha)
        if self._with_legend:
            if self._legend is None:  # the first frame decides the width
                self._legend = draw_legend(self._classes, pixels.shape[1])
            pixels = np.concatenate([pixels, self._legend])
        self._file.write(pixels, frame.ticks)

    def finish(self) -> None:
        """Close the file and rename it to its final name."""
        self._file.finish()

    def discard(self) -> None:
        """Delete the unfinished output."""
        self._file.discard()


class IndexPictureWriter:
    """A writer of PNGs named like the frames, whose pixel values are class indices.

    Args:
        path: path of the folder, which must be new or empty.
        palette: the colours in which viewers show the indices.

    Raises:
        UserError: if the folder is not empty.
    """

    def __init__(self, path: Path, palette: Sequence[Colour]) -> None:
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise UserError(
                f"{path} already exists and is not an empty folder: name a new folder for the "
                "index PNGs"
            )
        self.path = path
        self._palette = palette
        self._folder = temporary_path(path)
        shutil.rmtree(self._folder, ignore_errors=True)  # left by a run that was killed
        self._folder.mkdir(parents=True)

    def write(self, frame: VideoFrame, classes: Image) -> None:
        """Write a frame.

        Raises:
            UserError: if two frames have the same name.
        """
        file = self._folder / f"{frame.name}.png"
        if file.exists():
            raise UserError(f"two frames are named '{frame.name}': rename one of them")
        make_index_picture(classes, self._palette).save(file)

    def finish(self) -> None:
        """Rename the folder to its final name."""
        self._folder.replace(self.path)

    def discard(self) -> None:
        """Delete the unfinished output."""
        shutil.rmtree(self._folder, ignore_errors=True)


def open_writers(
    out: Path,
    masks: Path | None,
    source: Source,
    classes: Mapping[str, Colour],
    alpha: float = 0.5,
    with_legend: bool = True,
) -> list[PredictionWriter]:
    """Open the writers for the paths of a command line.

    Args:
        out: an overlay video if it has the extension of a video, else a folder of index PNGs.
        masks: an additional folder of index PNGs, or None.
        source: the video to predict; it is never overwritten.
        classes: name -> RGB colour, in the order of the indices.
        alpha: opacity of the classes in the overlay, from 0 to 1.
        with_legend: name the colours in a strip below the overlay.

    Raises:
        UserError: if a path cannot be written to, or is the source itself.
    """
    folders = [path for path in (out, masks) if path is not None]
    for path in folders:
        if path.resolve() == source.path.resolve():
            raise UserError(f"{path} is the input video: name a different file or folder")
        check_writable_parent(path)
    if masks is not None and masks.resolve() == out.resolve():
        raise UserError(f"--out and --masks are both {out}: name two places")
    writers: list[PredictionWriter] = []
    if out.suffix.lower() in VIDEO_SUFFIXES:
        check_writable_file(out)
        folders.remove(out)
        writers.append(OverlayVideoWriter(out, source, classes, alpha, with_legend))
    elif out.suffix and not out.is_dir():
        raise UserError(
            f"--out {out} must end in {' or '.join(VIDEO_SUFFIXES)} for an overlay video, "
            "or name a folder for index PNGs"
        )
    palette = list(classes.values())
    return [*writers, *(IndexPictureWriter(path, palette) for path in folders)]

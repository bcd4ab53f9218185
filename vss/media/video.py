"""Video read and written frame by frame, so that RAM use does not grow with its length.

A source is a video file or a folder of images. Times stay in ticks of the source's time base, so
that odd and variable frame rates survive. Imports no torch.
"""

import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from vss.errors import UserError
from vss.media.image import Image, read_image
from vss.media.temporary_path import temporary_path
from vss.untrusted.limited_file import open_limited

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".ppm")
VIDEO_SUFFIXES = (".mp4", ".mkv")
# Codes of the H.264 standard for matrix, primaries and transfer, and for the range.
_BT709, _LIMITED = 1, 1

_PLAYLISTS = ("concat", "dash", "hls", "imf")  # a stranger's could name any file of this machine


class BrokenVideoError(UserError):
    """Raised when a source cannot be read to its end.

    Attributes:
        frames: the number of frames read before the damage.
    """

    def __init__(self, message: str, frames: int) -> None:
        super().__init__(message)
        self.frames = frames


@dataclass(frozen=True)
class VideoFrame:
    """One frame of a source, decoded.

    Attributes:
        pixels: (H, W, 3) RGB, upright.
        name: the file's name without its extension or, in a video, the frame's number.
        ticks: the time at which it is displayed, in ticks of its source, starting at 0.
        is_damaged: whether the decoder had to guess part of it.
    """

    pixels: Image
    name: str
    ticks: int
    is_damaged: bool = False


@dataclass(frozen=True)
class Source:
    """A video file, or a folder of images in numerical order of their names.

    Attributes:
        path: path of the file or folder.
        rate: frames per second, on average.
        time_base: seconds per tick.
        count: the number of frames according to the file, or None if it does not say.
        files: the files of a folder; empty for a video file.
    """

    path: Path
    rate: Fraction
    time_base: Fraction
    count: int | None
    files: tuple[Path, ...] = ()

    def __iter__(self) -> Iterator[VideoFrame]:
        """Yield the frames, reading one at a time.

        Raises:
            BrokenVideoError: naming the first frame that cannot be read.
        """
        return _read_files(self.files) if self.files else _decode(self)


def open_source(path: Path, folder_rate: Fraction = Fraction(25)) -> Source:
    """Open a video file or a folder of images, without reading frames yet.

    Args:
        path: path of the file or folder.
        folder_rate: frames per second to assume for a folder.

    Raises:
        UserError: if it is neither, or contains no frames.
    """
    if path.is_dir():
        files = (file for file in path.iterdir() if file.suffix.lower() in IMAGE_SUFFIXES)
        ordered_files = tuple(sorted(files, key=_number_key))
        if not ordered_files:
            raise UserError(f"{path} contains no images ({', '.join(IMAGE_SUFFIXES)})")
        return Source(path, folder_rate, 1 / folder_rate, len(ordered_files), ordered_files)
    _check_regular(path)
    try:
        with av.open(path) as container:
            stream = _video_stream(container, path)
            rate = stream.average_rate or stream.guessed_rate or Fraction(25)
            base = stream.time_base or 1 / rate
            return Source(path, rate, base, stream.frames or None)
    except av.FFmpegError as error:
        raise UserError(f"cannot read {path} as a video: {_reason(error)}") from None


def _check_regular(path: Path) -> None:
    """Refuse a pipe, which would be waited for, and a device, which has no end."""
    if path.exists():  # PyAV names a missing one
        with open_limited(path, "video", sys.maxsize):
            pass


def _number_key(file: Path) -> list[Any]:
    """Return a key that sorts frame2 before frame10."""
    parts = re.split(r"([0-9]{1,18})", file.name)
    return [int(part) if number % 2 else part for number, part in enumerate(parts)]


def _read_files(files: tuple[Path, ...]) -> Iterator[VideoFrame]:
    for number, file in enumerate(files):
        try:
            pixels = read_image(file, "RGB")
        except UserError as error:
            raise BrokenVideoError(f"{error} (in {file.parent})", number) from None
        yield VideoFrame(pixels, file.stem, number)


def _decode(source: Source) -> Iterator[VideoFrame]:
    number, first_pts, last_ticks = 0, None, -1
    step = max(1, round(1 / (source.rate * source.time_base)))
    try:
        with av.open(source.path) as container:
            stream = _video_stream(container, source.path)
            stream.thread_type = "AUTO"
            for frame in container.decode(stream):
                first_pts = frame.pts if first_pts is None else first_pts
                if frame.pts is None or first_pts is None:
                    ticks = last_ticks + step
                else:
                    ticks = frame.pts - first_pts
                last_ticks = max(ticks, last_ticks + 1)  # encoders reject a repeated time
                pixels = _rotate_upright(frame)
                yield VideoFrame(pixels, f"{number:06d}", last_ticks, frame.is_corrupt)
                number += 1
            # A file may play fewer frames than it contains; its duration is then shorter, too.
            is_truncated = (stream.duration or 0) - last_ticks > 3 * step
            if number < stream.frames and is_truncated:
                raise BrokenVideoError(
                    f"{source.path} is truncated at frame {number} of {stream.frames}", number
                )
    except av.FFmpegError as error:
        raise BrokenVideoError(
            f"{source.path} cannot be decoded from frame {number} on: {_reason(error)}", number
        ) from None


def _video_stream(container: "av.container.InputContainer", path: Path) -> "av.VideoStream":
    if container.format.name in _PLAYLISTS:
        raise UserError(f"{path} is a list of other files, not a video: name one of them")
    if not container.streams.video:
        raise UserError(f"{path} contains no video stream")
    return container.streams.video[0]


def _rotate_upright(frame: "av.VideoFrame") -> Image:
    """Return (H, W, 3) RGB, rotated as the file states: phones have sensors that lie sideways."""
    pixels = frame.to_ndarray(format="rgb24")
    rotated = np.rot90(pixels, frame.rotation // 90)
    return np.ascontiguousarray(rotated, dtype=np.uint8)


def _reason(error: "av.FFmpegError") -> str:
    return (error.strerror or str(error)).lower()


class VideoFile:
    """An H.264 video being written, under a temporary name until it is finished.

    Args:
        path: the final path, whose extension decides the container.
        rate: frames per second, on average.
        time_base: seconds per tick.

    Raises:
        UserError: if there is no encoder.
    """

    def __init__(self, path: Path, rate: Fraction, time_base: Fraction) -> None:
        if "libx264" not in av.codecs_available:
            raise UserError(
                "the installed PyAV has no H.264 encoder (libx264): install av from PyPI, or set "
                "--out to a folder for index PNGs"
            )
        self.path = path
        self._temporary = temporary_path(path)
        self._rate, self._time_base = rate, time_base
        self._container: av.container.OutputContainer | None = None
        self._stream: Any = None

    def write(self, pixels: Image, ticks: int) -> None:
        """Append a frame, (H, W, 3) RGB, of the same size as the first one."""
        pixels = _pad_to_even_size(pixels)
        if self._container is None:
            self._container = self._open(*pixels.shape[:2])
        frame = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(
            format="yuv420p", dst_colorspace=_BT709, dst_color_range=_LIMITED
        )
        frame.pts, frame.time_base = ticks, self._time_base
        self._container.mux(self._stream.encode(frame))

    def _open(self, height: int, width: int) -> "av.container.OutputContainer":
        container = av.open(self._temporary, "w")
        options = {"crf": "18", "preset": "veryfast"}
        stream = container.add_stream("libx264", rate=self._rate, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        context = stream.codec_context
        context.time_base = self._time_base
        context.colorspace = context.color_primaries = context.color_trc = _BT709
        context.color_range = _LIMITED
        self._stream = stream
        return container

    def finish(self) -> None:
        """Close the file and rename it to its final name."""
        if self._container is not None:
            self._container.mux(self._stream.encode(None))
            self._container.close()
            self._temporary.replace(self.path)

    def discard(self) -> None:
        """Delete the unfinished file."""
        if self._container is not None:
            with suppress(OSError):  # such as a full disk, which is why it is discarded
                self._container.close()
        self._temporary.unlink(missing_ok=True)


def _pad_to_even_size(pixels: Image) -> Image:
    """Repeat the edge of an odd side once, as 4:2:0 stores one colour per 2x2 pixels."""
    height, width = pixels.shape[:2]
    if height % 2 == 0 and width % 2 == 0:
        return pixels
    return np.pad(pixels, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")

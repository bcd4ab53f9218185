"""The frames of a video as files, so that they can be labelled."""

from collections.abc import Callable
from pathlib import Path

from PIL import Image as PillowImage

from vss.media.temporary_path import temporary_path
from vss.media.video import Source

JPEG_QUALITY = 95


def write_frames(
    source: Source, folder: Path, on_frame: Callable[[int], None] = lambda count: None
) -> int:
    """Write every frame as NUMBER.jpg, with six digits from 000000 on; existing files stay.

    Args:
        source: the video.
        folder: the folder to write to; created if necessary.
        on_frame: called after each frame with the number of frames so far.

    Returns:
        the number of files written.

    Raises:
        BrokenVideoError: if the video is damaged; the frames before the damage are kept.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = 0
    for number, frame in enumerate(source):
        file = folder / f"{number:06d}.jpg"
        if not file.exists():
            unfinished = temporary_path(file)
            PillowImage.fromarray(frame.pixels).save(unfinished, quality=JPEG_QUALITY)
            unfinished.rename(file)
            written += 1
        on_frame(number + 1)
    return written

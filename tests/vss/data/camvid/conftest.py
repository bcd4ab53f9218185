"""A tiny official release of one sequence."""

from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

FRAMES, SIZE = 40, (64, 48)
STILLS = (10, 20, 22, 35)


def noise(number: int, seed: int = 0) -> np.ndarray:
    """Return coarse noise, which survives compression and differs from frame to frame."""
    rng = np.random.default_rng([seed, number])
    coarse = rng.integers(0, 256, (SIZE[1] // 16, SIZE[0] // 16, 3), dtype=np.uint8)
    return np.kron(coarse, np.ones((16, 16, 1), dtype=np.uint8))


def write_video(path: Path, seed: int = 0, first: int = 0) -> None:
    """Write a video of the frames from `first` on."""
    with av.open(path, "w") as container:
        stream = container.add_stream("mpeg4", rate=30, bit_rate=4_000_000)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        for number in range(first, FRAMES):
            frame = av.VideoFrame.from_ndarray(noise(number, seed), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """Return a folder with the stills, labels and video of one sequence, in separate folders."""
    root = tmp_path / "release"
    for folder in ("stills", "labels", "videos"):
        (root / folder).mkdir(parents=True)
    for number in STILLS:
        Image.fromarray(noise(number)).save(root / f"stills/Seq05VD_f{number:05d}.png")
        Image.new("RGB", SIZE).save(root / f"labels/Seq05VD_f{number:05d}_L.png")
    write_video(root / "videos/Seq05VD_raw.avi")
    return root

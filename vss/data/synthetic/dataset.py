"""A drive through a street, rendered on the fly. Imports no torch.

Each frame is degraded independently: by sensor noise, flicker, a colour cast and smears over 40 %
of it; with probability 0.3 the whole frame is lost in glare or darkness. So an individual frame is
often unreadable, but earlier frames show the same scene: the probability that T + 1 frames are all
lost falls as 0.3^(T + 1). Objects are near and large, and classes have distinct colours, so
that networks fail for want of a readable frame, not of capacity.

A clip is a pure function of its name.
"""

import functools
import hashlib
from pathlib import Path

import numpy as np

from vss import catalog
from vss.data.dataset import Frame, VideoDataset
from vss.data.synthetic.degradation import degrade
from vss.data.synthetic.drawing import draw_frame
from vss.data.synthetic.street import Street
from vss.media.image import Image
from vss.trial_config import TrialConfig

VERSION = 1  # part of the fingerprint: raise it whenever a pixel changes
HISTORY, TARGETS = 8, 8  # frames before the first labelled one; labelled frames of a clip


def load(config: TrialConfig, root: Path | None) -> VideoDataset:
    """List the frames of `config.clips` training clips and of the held-out clips.

    Args:
        config: the trial, which sets the number of training clips; val has a 30th as many, test
            two 15ths.
        root: unused, as nothing is read from disk.
    """
    clips = config.clips or 1
    counts = {"train": clips, "val": max(1, clips // 30), "test": max(1, clips * 2 // 15)}
    frames = tuple(
        Frame(
            split=split,
            sequence=f"{split}{clip:04d}",
            number=number,
            image=f"{split}{clip:04d}:{number}",
            label=f"{split}{clip:04d}:{number}" if number >= HISTORY else "",
        )
        for split, count in counts.items()
        for clip in range(count)
        for number in range(HISTORY + TARGETS)
    )
    identity = f"synthetic {VERSION} {clips}"
    return VideoDataset(
        frames,
        hashlib.sha256(identity.encode()).hexdigest(),
        read_image=lambda frame: render_clip(frame.sequence)[0][frame.number],
        read_label=lambda frame: render_clip(frame.sequence)[1][frame.number],
        classes=catalog.DATASETS["synthetic"].classes,
    )


@functools.lru_cache(maxsize=4)
def render_clip(sequence: str) -> tuple[Image, Image]:
    """Render the L frames of a clip: (L, H, W, 3) RGB and (L, H, W) labels."""
    digest = hashlib.sha256(f"{VERSION} {sequence}".encode()).digest()
    rng = np.random.default_rng(list(digest))
    frames = HISTORY + TARGETS
    street = Street(rng, frames)
    clear_frames = [draw_frame(street, number) for number in range(frames)]
    images = np.stack([degrade(image, rng) for image, _ in clear_frames])
    return images, np.stack([label for _, label in clear_frames])

"""A labelled video dataset: its frames, and how to read them. Imports no torch."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from vss import catalog
from vss.media.image import Image
from vss.trial_config import TrialConfig

IGNORE_LABEL = 255  # label value of the pixels that training and scoring ignore, in every dataset


@dataclass(frozen=True)
class Frame:
    """One video frame.

    Attributes:
        split: train, val or test.
        sequence: the name of its video.
        number: its position in that video, counted in video frames.
        image: path of its image, relative to the dataset's folder.
        label: path of its label, relative to the dataset's folder, or "" if it has none.
    """

    split: str
    sequence: str
    number: int
    image: str
    label: str

    @property
    def name(self) -> str:
        """A readable, unique name: sequence and number."""
        return f"{self.sequence}/{self.number:06d}"


@dataclass(frozen=True)
class VideoDataset:
    """The frames of a dataset, and how to read them.

    Attributes:
        frames: all frames, in time order within each sequence.
        fingerprint: a digest that changes whenever an image or a label does.
        read_image: frame -> (H, W, 3) RGB at its original size.
        read_label: frame -> (H, W) label values, IGNORE_LABEL where unlabelled.
        classes: name -> RGB colour, in the order of the label values.
    """

    frames: tuple[Frame, ...]
    fingerprint: str
    read_image: Callable[[Frame], Image]
    read_label: Callable[[Frame], Image]
    classes: Mapping[str, tuple[int, int, int]]


def load_dataset(config: TrialConfig, path: Path | None) -> VideoDataset:
    """List the frames of a trial's dataset.

    Args:
        config: the trial, which names the dataset and sets its options.
        path: the dataset's folder or description, or None if the dataset needs neither.

    Raises:
        UserError: if anything is missing at `path`.
    """
    load: Callable[[TrialConfig, Path | None], VideoDataset] = catalog.resolve(
        catalog.DATASETS[config.dataset].load
    )
    return load(config, path)

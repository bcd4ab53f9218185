"""Labelled video datasets."""

from pathlib import Path

from vss import catalog
from vss.data.clips import VideoDataset
from vss.trial_config import TrialConfig


def load_dataset(config: TrialConfig, path: Path | None) -> VideoDataset:
    """Load the dataset of a trial from its folder or description."""
    dataset: VideoDataset = catalog.resolve(catalog.DATASETS[config.dataset].load)(config, path)
    return dataset

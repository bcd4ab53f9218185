"""A trained network, read back: its settings and its scored weights. Writes nothing."""

import colorsys
import json
from dataclasses import dataclass
from pathlib import Path

from vss import catalog
from vss.errors import UserError
from vss.models.segmenter import VideoSegmenter, build_bare, load_network
from vss.trial_config import TrialConfig, parse


@dataclass(frozen=True)
class TrainedModel:
    """Where a trained network is.

    Attributes:
        config: the settings that it was trained with.
        weights: a file that holds the whole network under our names.
    """

    config: TrialConfig
    weights: Path

    @property
    def classes(self) -> dict[str, tuple[int, int, int]]:
        """Name -> RGB colour, in the order of the indices that it predicts."""
        row = catalog.DATASETS[self.config.dataset]
        known = row.with_void() if self.config.void_class else row.classes
        names = self.config.class_names
        return {name: known.get(name, _made_up(place)) for place, name in enumerate(names)}


def _made_up(place: int) -> tuple[int, int, int]:
    """A colour for a class whose own is in the description of its data alone."""
    red, green, blue = colorsys.hsv_to_rgb(0.618034 * place % 1, 0.65, 0.9)
    return round(255 * red), round(255 * green), round(255 * blue)


def read_trial(folder: Path) -> TrainedModel:
    """Look at a finished trial's directory (or its two files that matter).

    Raises:
        UserError: if it is no trial directory, or the trial is not finished.
    """
    settings, weights = folder / "config.json", folder / "weights.safetensors"
    if not settings.is_file():
        raise UserError(f"{folder} is no trial directory: it has no config.json")
    if not weights.is_file():
        raise UserError(f"trial {folder.name} is not finished: it has no weights.safetensors yet")
    try:
        return TrainedModel(parse(json.loads(settings.read_text())), weights)
    except (UserError, ValueError, TypeError) as error:
        raise UserError(f"{settings} is not readable as settings: {error}") from None


def load(trained: TrainedModel) -> VideoSegmenter:
    """The network with its weights, in eval mode, on the CPU, without the auxiliary head.

    Raises:
        UserError: if the file holds another network; it names what does not fit.
    """
    model = build_bare(trained.config)
    load_network(model, trained.weights)
    return model.eval()

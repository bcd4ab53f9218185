"""Read a trained network back: its settings and its scored weights. Writes nothing."""

import colorsys
from dataclasses import dataclass
from pathlib import Path

from vss import catalog
from vss.errors import UserError
from vss.models.segmenter import VideoSegmenter, build_inference_model, load_network
from vss.trial_config import TrialConfig, parse_settings
from vss.untrusted.json_text import read_object
from vss.untrusted.limited_file import name_of
from vss.untrusted.messages import one_line


@dataclass(frozen=True)
class TrainedNetwork:
    """A trained network on disk.

    Attributes:
        config: the trial that trained it.
        weights: path of a file that contains the whole network, with our parameter names.
    """

    config: TrialConfig
    weights: Path

    @property
    def classes(self) -> dict[str, tuple[int, int, int]]:
        """The classes, name -> RGB colour, in the order of predicted indices."""
        row = catalog.DATASETS[self.config.dataset]
        colours = row.with_void() if self.config.void_class else row.classes
        names = self.config.class_names
        return {name: colours.get(name, _make_colour(index)) for index, name in enumerate(names)}


def _make_colour(index: int) -> tuple[int, int, int]:
    """Make up a colour for a class whose own is known only to the description of its dataset."""
    red, green, blue = colorsys.hsv_to_rgb(0.618034 * index % 1, 0.65, 0.9)
    return round(255 * red), round(255 * green), round(255 * blue)


def read_trained_network(folder: Path) -> TrainedNetwork:
    """Read the settings of a finished trial and locate its weights.

    Args:
        folder: a trial directory, of which config.json and weights.safetensors suffice.

    Raises:
        UserError: if it is not a trial directory, or the trial has not finished.
    """
    settings, weights = folder / "config.json", folder / "weights.safetensors"
    if not settings.is_file():
        raise UserError(f"{folder} is not a trial directory: it has no config.json")
    if not weights.is_file():
        raise UserError(f"trial {folder.name} has not finished: it has no weights.safetensors yet")
    try:
        return TrainedNetwork(parse_settings(read_object(settings, "file")), weights)
    except UserError as error:
        raise UserError(one_line(f"cannot read {name_of(settings)} as settings: {error}")) from None


def load_trained_network(trained: TrainedNetwork) -> VideoSegmenter:
    """Load a network with its weights, in eval mode, on the CPU, without the auxiliary head.

    Raises:
        UserError: if the weights belong to a different network, naming tensors that do not fit.
    """
    model = build_inference_model(trained.config)
    load_network(model, trained.weights)
    return model.eval()

"""Pictures of predictions on val while a network trains: the same frames at several steps.

Few and small, whatever the dataset and the number of evaluations: MLflow keeps them for every
trial.
"""

import io
from collections.abc import Collection, Mapping, Sequence

import numpy as np
from PIL import Image as PillowImage

from vss.catalog import VOID_COLOUR
from vss.data.cache import DecodedVideo
from vss.data.clips import Clip
from vss.media.image import Image, resize_image
from vss.media.render import Colour, colourise
from vss.scoring.score import Scores
from vss.training.inputs import Picture, TrialInputs

MOST_STEPS = 20  # of one frame
LONGEST_SIDE = 192  # of a panel, in pixels


class ProgressPictures:
    """The choice of frames and steps that are drawn, and the drawing.

    Args:
        inputs: the trial, and the number of frames to draw.
        video: the decoded frames.
        clips: the clips of val.
        colours: class -> its colour.
    """

    def __init__(
        self,
        inputs: TrialInputs,
        video: DecodedVideo,
        clips: Sequence[Clip],
        colours: Mapping[str, Colour],
    ) -> None:
        self._positions = _spread_inside(len(clips), inputs.pictured_frames)
        self._steps = _choose_steps(inputs.config.steps, inputs.config.eval_every)
        self._video = video
        self._clips = clips
        self._colours = list(colours.values())

    def due_at(self, step: int) -> Collection[int]:
        """Return the positions of the clips whose predictions are drawn at a step."""
        return self._positions if step in self._steps else ()

    def draw(self, scores: Scores, step: int) -> tuple[Picture, ...]:
        """Draw the predictions that were kept.

        Each picture has four panels, as MLflow shows pictures in squares: the frame and its label
        above, the prediction and its errors below.
        """
        return tuple(
            Picture(scores.frames[position], step, self._draw(position, prediction))
            for position, prediction in sorted(scores.samples.items())
        )

    def _draw(self, position: int, prediction: Image) -> bytes:
        frame = self._clips[position].target
        label = self._video.labels[self._video.label_rows[frame]]
        picture = _draw_panels(self._video.images[frame], label, prediction, self._colours)
        picture.thumbnail((2 * LONGEST_SIDE, 2 * LONGEST_SIDE))
        buffer = io.BytesIO()
        picture.save(buffer, format="png")
        return buffer.getvalue()


def _draw_panels(
    frame: Image, label: Image, prediction: Image, palette: Sequence[Colour]
) -> PillowImage.Image:
    """Draw frame, label, prediction, and the prediction where it is wrong, at the label's size."""
    height, width = label.shape
    errors = colourise(prediction, palette)
    errors[prediction == label] = 255
    errors[label >= len(palette)] = VOID_COLOUR
    above = [resize_image(frame, width, height), colourise(label, palette)]
    below = [colourise(prediction, palette), errors]
    rows = [np.concatenate(panels, axis=1) for panels in (above, below)]
    return PillowImage.fromarray(np.concatenate(rows))


def _spread_inside(length: int, count: int) -> list[int]:
    """Return positions in the middles of `count` equal parts of a list."""
    count = min(count, length)
    return [(2 * part + 1) * length // (2 * count) for part in range(count)]


def _choose_steps(steps: int, eval_every: int) -> frozenset[int]:
    """Return at most `MOST_STEPS` steps of evaluations, evenly spread, with first and last."""
    evaluations = range(eval_every, steps + 1, eval_every) if eval_every else range(0)
    chosen = np.linspace(0, len(evaluations) - 1, min(MOST_STEPS, len(evaluations)))
    return frozenset(evaluations[round(index)] for index in chosen)

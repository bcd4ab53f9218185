"""Pictures of predictions on val while a network trains: the same frames at several steps.

Few and small, whatever the dataset and the number of evaluations: MLflow keeps them for every
trial.
"""

import io
from collections.abc import Collection, Mapping, Sequence

import numpy as np

from vss.data.cache import DecodedVideo
from vss.data.clips import Clip
from vss.media.render import Colour, draw_side_by_side
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
        """Draw the predictions that were kept, beside frame and label."""
        return tuple(
            Picture(scores.frames[position], step, self._draw(position, prediction))
            for position, prediction in sorted(scores.samples.items())
        )

    def _draw(self, position: int, prediction: np.ndarray) -> bytes:
        frame = self._clips[position].target
        label = self._video.labels[self._video.label_rows[frame]]
        picture = draw_side_by_side(self._video.images[frame], label, prediction, self._colours)
        picture.thumbnail((3 * LONGEST_SIDE, LONGEST_SIDE))
        buffer = io.BytesIO()
        picture.save(buffer, format="png")
        return buffer.getvalue()


def _spread_inside(length: int, count: int) -> list[int]:
    """Return positions in the middles of `count` equal parts of a list."""
    count = min(count, length)
    return [(2 * part + 1) * length // (2 * count) for part in range(count)]


def _choose_steps(steps: int, eval_every: int) -> frozenset[int]:
    """Return at most `MOST_STEPS` steps of evaluations, evenly spread, with first and last."""
    evaluations = range(eval_every, steps + 1, eval_every) if eval_every else range(0)
    chosen = np.linspace(0, len(evaluations) - 1, min(MOST_STEPS, len(evaluations)))
    return frozenset(evaluations[round(index)] for index in chosen)

"""The metrics of trials: their titles, units and directions, declared here and nowhere else."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """A score of a trial; trials store fractions, texts show percent.

    Attributes:
        name: the name under which trials store it.
        title: the name in texts.
        meaning: what it is the share of, or the mean of.
        higher_is_better: its direction.
        unit: the unit of a value in texts.
        difference_unit: the unit of a difference in texts.
        digits: the digits after the point in texts.
    """

    name: str
    title: str
    meaning: str = ""
    higher_is_better: bool = True
    unit: str = "%"
    difference_unit: str = "points"
    digits: int = 2

    @property
    def sign(self) -> int:
        """1 if higher is better, else -1."""
        return 1 if self.higher_is_better else -1

    @property
    def direction(self) -> str:
        """The direction in words."""
        return f"{'higher' if self.higher_is_better else 'lower'} is better"


_CONSISTENCY = "pixels with a constant label over {} frames whose prediction is {}"
METRICS = {
    metric.name: metric
    for metric in (
        Metric("miou", "mIoU", "IoU over the classes in labels or predictions"),
        Metric("miou_labelled", "mIoU of labelled classes", "IoU over the classes in labels"),
        Metric("miou_without_void", "mIoU without void", "IoU over all classes but void"),
        Metric("pixel_accuracy", "pixel accuracy", "labelled pixels that are right"),
        Metric("class_accuracy", "class accuracy", "accuracy over the labelled classes"),
        Metric("boundary_miou", "boundary mIoU", "IoU along the boundaries of classes"),
        Metric(
            "flicker",
            "flicker",
            "pixels whose predicted class changes from one frame to the next",
            higher_is_better=False,
        ),
        Metric("vc8", "VC8", _CONSISTENCY.format(8, "constant")),
        Metric("vc16", "VC16", _CONSISTENCY.format(16, "constant")),
        Metric("vc8_correct", "VC8, correct", _CONSISTENCY.format(8, "constant and right")),
        Metric("vc16_correct", "VC16, correct", _CONSISTENCY.format(16, "constant and right")),
    )
}


def get_metric(name: str) -> Metric:
    """Return a metric; one that is not declared is a share of which more is better."""
    return METRICS.get(name) or Metric(name, name)

"""Reports: records of an experiment in, Markdown, HTML, CSV, JSON and TeX out.

The package knows neither how trials are run nor where they are stored. Each part imports only from
those to its left:

    metrics < records < analysis < figures < text < formats < report

Other packages make `records`, or load them with `formats.results_json.load`. From these, they build
a report with `report.build_report`, or get the verdicts alone from `verdicts`. For tables of their
own, they may use `analysis` and the columns and number formats of `text`.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reports.analysis.verdict_rows import VerdictRow
    from reports.records import ExperimentRecord


def verdicts(
    record: "ExperimentRecord", metric: str = "miou", margin: float | None = None
) -> "list[VerdictRow]":
    """Judge every cell of an experiment against its baseline, without writing anything.

    Args:
        record: the experiment.
        metric: the score to compare, in the direction that `metrics` declares. Only `miou` is
            resampled over test sets.
        margin: the difference in points that does not matter; None for the record's own, if any.

    Returns:
        one row per cell, in the order of the spec, with the same numbers as in the report.

    Raises:
        ValueError: if no finished trial has the metric, or the margin is not above 0.
    """
    from reports.analysis.verdict_rows import judge_cells  # loads scipy

    return judge_cells(record, metric, margin)

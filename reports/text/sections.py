"""The sections of a report in reading order, and those about the experiment as a whole."""

import math
from collections.abc import Callable, Mapping, Sequence

from reports.analysis.blocks import SEQUENCES_AS_BLOCKS, count_frames
from reports.analysis.comparison import SEEDS, TEST_SET
from reports.analysis.overview import CellRow
from reports.analysis.study import Study
from reports.analysis.verdict import NO_VERDICT, SEEDS_FOR_A_VERDICT
from reports.records import ExperimentRecord
from reports.text.answer.summary import write_answer
from reports.text.busy import describe_disturbance, mark_heading
from reports.text.classes import write_classes
from reports.text.conditions import write_conditions, write_reproduction
from reports.text.design.looks import write_looks
from reports.text.factors import write_factors
from reports.text.format import escape, markdown_table, number
from reports.text.gaps import write_gaps
from reports.text.page import Page
from reports.text.pictures import write_pictures
from reports.text.plots import write_plots
from reports.text.steadiness import write_steadiness
from reports.text.table.columns import more_report_columns, report_columns
from reports.text.tuning.section import write_tuning

_BLOCK_LENGTHS = (1, 10, 30, 60)  # frames, compared with the length in use


def write_heading(page: Page) -> str:
    """Write the title, the description and how many trials have finished."""
    record = page.record
    counts = f"{len(record.finished)} of {len(record.runs)} trials finished"
    if len(record.finished) < len(record.runs):
        counts = f'**{counts}** (the others are listed under "What is missing")'
    cells = f"{len(record.cells)} cell{'' if len(record.cells) == 1 else 's'}"
    lines = [f"# {escape(record.name)}", escape(record.description)]
    if record.own_baseline:
        lines.append(
            f"This report compares with **{escape(record.baseline)}**, which was chosen "
            f"afterwards; the study's own baseline is **{escape(record.own_baseline)}**. If the "
            "choice was made after looking at the results, the intervals are too narrow."
        )
    lines.append(f"{cells}; {counts}.")
    return "\n\n".join(line for line in lines if line)


def write_accuracy(page: Page) -> str:
    """Write the main table, and say which look it is from."""
    parts = (
        "## Accuracy against latency",
        markdown_table(page.rows, report_columns(page.rows)),
        describe_disturbance(page.record),
        _describe_look(page.study),
        _describe_selection(page.record),
        _list_uncompared(page.record),
    )
    return "\n\n".join(part for part in parts if part)


def _list_uncompared(record: ExperimentRecord) -> str:
    """Name the cells that only train weights for others; return "" if there are none."""
    cells = [f"{escape(cell)} ({escape(text)})" for cell, text in record.uncompared.items()]
    if not cells:
        return ""
    return f"Trained for other cells to start from, and not compared with them: {'; '.join(cells)}."


def write_details(page: Page) -> str:
    """Write the other columns, and how to read them; on the page, both are folded."""
    columns = more_report_columns(page.rows)
    marked_columns = {mark_heading(each, page.record): columns[each] for each in columns}
    parts = (
        "### More columns",
        markdown_table(page.rows, marked_columns),
        "### How to read the tables",
        _explain_columns(page),
    )
    return "\n\n".join(parts)


def _describe_look(study: Study) -> str:
    """Name the look, and say whether the verdicts are final; return "" for a single, final look."""
    record = study.record
    sentences = []
    if record.looks:
        sentences.append(
            f"Look {record.look} of {len(record.looks)} (a planned analysis), at "
            f"{record.looks[record.look - 1]} of at most {record.looks[-1]} seeds: each interval "
            f"holds at {_write_confidences(study)}, so that all looks together hold at 95 %."
        )
    if record.interim is not None:
        settled = any(each.is_settled for each in study.judged_cells.values())
        without = "with the verdicts of settled cells only" if settled else "without verdicts"
        sentences.append(f"**Interim**, {without}: {escape(record.interim)}.")
    return " ".join(sentences)


def _write_confidences(study: Study) -> str:
    """Write the confidence of the comparisons with the baseline, a range if looks differ in it."""
    confidences = [each.difference.confidence for each in study.against_baseline.values()]
    ends = min(confidences, default=study.confidence), max(confidences, default=study.confidence)
    return " to ".join(dict.fromkeys(f"{100 * end:.1f}" for end in ends)) + " %"


def _explain_columns(page: Page) -> str:
    """Explain the columns of the main table."""
    sentences = [
        _explain_differences(page.study),
        _explain_intervals(page.study),
        _explain_block_length(page.study),
        _explain_best_share(page.study),
        _explain_training_time(page.study),
    ]
    if any(not math.isnan(row.clip.median_ms) for row in page.rows):
        sentences.append(
            "Latency is measured on an idle device, with the cells taking turns: `clip` encodes "
            "every frame for each prediction, `streaming` only the new one. Ratios to the baseline "
            "are medians over rounds, with 95 % intervals."
        )
        sentences.append(_state_noise_floor(page.rows))
    return " ".join(sentence for sentence in sentences if sentence)


def _explain_training_time(study: Study) -> str:
    """Say what training times count."""
    text = (
        "Training time is averaged over seeds; it counts optimiser steps only and excludes the "
        "first steps after each start."
    )
    weights = {str(run.settings.get("weights")) for run in study.record.runs}
    if any(name.startswith(("backbone of ", "network of ")) for name in weights):
        text += " It leaves out the training of the cell that initial weights come from."
    return text


def _state_noise_floor(rows: Sequence[CellRow]) -> str:
    """State how far two measurements of the baseline are apart; return "" if it has only one."""
    parts = [
        f"{number(latency.noise, 3)} times its own {mode} latency ({number(latency.noise_low, 3)} "
        f"to {number(latency.noise_high, 3)})"
        for row in rows
        for mode, latency in (("clip", row.clip), ("streaming", row.streaming))
        if not math.isnan(latency.noise)
    ]
    if not parts:
        return ""
    return (
        "Noise floor: when measured a second time among the cells, the baseline took "
        f"{' and '.join(parts)}."
    )


def _explain_differences(study: Study) -> str:
    """Say what differences are relative to, and that those of incomplete cells are adjusted."""
    if not study.against_baseline:
        return ""
    scored = study.scored
    counts = {len(scored.shared_seeds(cell)) for cell in scored.cells}
    text = f"Differences are relative to **{escape(study.record.baseline)}**, paired by seed"
    if len({each.look for each in study.judged_cells.values()}) > 1:
        return f"{text}, at the look of each cell; the means in front of ± are over all its seeds."
    if len(counts) > 1:
        text += ", and adjusted for the seeds that a cell lacks; the means in front of ± are not"
    return f"{text}."


def _explain_intervals(study: Study) -> str:
    """State which variation the intervals account for, and what a verdict requires."""
    covers = {comparison.difference.covers for comparison in study.against_baseline.values()}
    if not covers:
        return ""
    sources = [name for name in (SEEDS, TEST_SET) if any(name in cover for cover in covers)]
    if not sources:
        return (
            "No two seeds are shared with the baseline and no test sets can be drawn, so the "
            "uncertainty of the differences is unknown."
        )
    text = f"Intervals account for {_name_sources(study, sources)}"
    if study.test_sets is not None and TEST_SET in sources:
        blocks = study.test_sets.blocks
        kind = "sequences" if blocks.frames is None else "stretches"
        text += f" ({blocks.count} {kind}, resampled {study.draws:,} times)"
    if len(covers) > 1:
        text += f", where {'it' if len(sources) == 1 else 'each'} can be estimated"
    return f"{text}. {_explain_verdicts(study)}"


def _explain_best_share(study: Study) -> str:
    """Explain the share of draws in which a cell is best; return "" if it is unknown."""
    sources = study.scored.ranking_sources
    if not sources:
        return ""
    ranking = "the ranking" if study.record.interim is None else "the ranking so far"
    return (
        "**Best**, the share of draws in which a cell scores highest, shows how much "
        f"{ranking} depends on {_name_sources(study, sources)}; it is not a verdict."
    )


def _name_sources(study: Study, sources: Sequence[str]) -> str:
    """Name sources of variation in words."""
    names = {SEEDS: "the choice of seeds", TEST_SET: _name_test_sets(study)}
    return " and ".join(names[source] for source in sources)


def _name_test_sets(study: Study) -> str:
    """Name the test sets that the bootstrap covers. A few sequences say little about others."""
    sequences = len(count_frames(study.frames))
    if sequences >= SEQUENCES_AS_BLOCKS:
        return "the choice of test set"
    same = f"same {sequences} sequences" if sequences > 1 else "same sequence"
    return f"the choice of other stretches of the {same}"


def _explain_block_length(study: Study) -> str:
    """State the length of the stretches, and what other lengths would change."""
    blocks = study.test_sets.blocks if study.test_sets is not None else None
    if blocks is None or blocks.frames is None:
        return ""
    deviations = study.deviation_by_block_length(sorted({*_BLOCK_LENGTHS, blocks.frames}))
    if not deviations:
        return ""
    length = "1 frame" if blocks.frames == 1 else f"{blocks.frames} frames"
    text = f"Stretches are about {length} long, as the dependence between frames requires"
    if len(deviations) > 1:
        lengths, points = (", ".join(texts) for texts in _write_deviations(deviations))
        text += (
            f": at lengths of {lengths} frames, the standard deviation of a typical difference "
            f"over test sets is {points} points"
        )
    if blocks.are_too_few:
        text += (
            "; the sequences are too short for stretches that are long enough, so the intervals "
            "are too narrow"
        )
    return f"{text}."


def _write_deviations(deviations: Mapping[int, float]) -> tuple[list[str], list[str]]:
    """Write lengths of blocks, and the deviations in points."""
    points = [f"{100 * deviation:.2f}" for deviation in deviations.values()]
    return list(map(str, deviations)), points


def _explain_verdicts(study: Study) -> str:
    """Say what verdicts are read off, and which comparisons the intervals hold for at once."""
    comparisons = study.against_baseline.values()
    judged_count = sum(comparison.verdict != NO_VERDICT for comparison in comparisons)
    requirement = f"are read off them and require {SEEDS_FOR_A_VERDICT} shared seeds."
    text = f"Verdicts {requirement}"
    if judged_count > 1:
        scope = "both" if judged_count == 2 else f"all {judged_count}"
        text = f"They hold for {scope} comparisons at once; verdicts {requirement}"
    if len(comparisons) > max(1, judged_count):
        text += " Where there is no verdict, the interval holds for that cell alone."
    return text


def _describe_selection(record: ExperimentRecord) -> str:
    cells = sorted({r.cell for r in record.finished if r.settings.get("select") == "best_val"})
    if not cells:
        return ""
    names = ", ".join(escape(cell) for cell in cells)
    return f"**Selected on validation** (scored at the step with the best val mIoU): {names}."


# In reading order; each returns Markdown, or "" if it has nothing to say.
SECTIONS: list[Callable[[Page], str]] = [
    write_heading,
    write_answer,
    write_accuracy,
    write_plots,
    write_details,
    write_looks,
    write_tuning,
    write_steadiness,
    write_factors,
    write_classes,
    write_pictures,
    write_conditions,
    write_gaps,
    write_reproduction,
]

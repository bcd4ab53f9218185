"""The section on planned looks: which cells each of them settled, and what that saved."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reports.analysis.planning.growing import JudgedCell
from reports.analysis.study import Study
from reports.analysis.verdict import INTERIM
from reports.records import ExperimentRecord
from reports.text.format import MISSING, escape, first_names, level, markdown_table, with_unit
from reports.text.page import Page


@dataclass(frozen=True)
class _Look:
    """A look that trials belong to.

    Attributes:
        number: its number, from 1.
        seeds: the number of seeds.
        trainings: the trials that it added.
        judged: the cells that it judged last, and those that went on.
        gone_on: the number of cells that got the seeds of the next look.
    """

    number: int
    seeds: int
    trainings: int
    judged: dict[str, JudgedCell]
    gone_on: int


def write_looks(page: Page) -> str:
    """Write how the study grew from look to look; return "" if it had no looks."""
    study, own_baseline = page.study, page.record.own_baseline
    if not study.judged_cells:
        return ""
    heading = "## Looks: seeds where they decide"
    if own_baseline:  # the table would say which cells its verdicts had given more seeds
        return (
            f"{heading}\n\nAfter each look, cells got more seeds by their verdicts against "
            f"**{escape(own_baseline)}**, so see the study's own report for its looks. Here, a "
            "verdict and its difference are read at the first look at which the verdict would have "
            "been settled, or at the last, by the seeds of that look. Means and all other tables "
            "use all seeds."
        )
    columns = {
        "look": lambda look: f"{look.number} of {len(page.record.looks)}",
        "seeds": lambda look: str(look.seeds),
        "trainings": lambda look: str(look.trainings),
        "interval": _write_confidence,
        "settled": _name_settled,
        "open": _name_open,
    }
    parts = (
        heading,
        _describe_saving(page.record),
        markdown_table(_list_looks(study), columns),
        _describe_end(study),
    )
    return "\n\n".join(part for part in parts if part)


def _list_looks(study: Study) -> list[_Look]:
    record, judged = study.record, study.judged_cells
    looks = []
    for number in range(1, record.look + 1):
        first, seeds = (0, *record.looks)[number - 1 : number + 1]
        looks.append(
            _Look(
                number,
                seeds,
                sum(first <= run.seed < seeds for run in record.runs),
                {cell: each for cell, each in judged.items() if each.look == number},
                sum(each.look > number for each in judged.values()),
            )
        )
    return looks


def _describe_saving(record: ExperimentRecord) -> str:
    """Say how many trainings there were, of those of a design with all seeds of all cells."""
    looks, trainings = record.looks, len(record.runs)
    fixed = looks[-1] * len(record.cells)
    so_far = " so far" if record.interim is not None else ""
    return (
        f"Every cell got {looks[0]} seeds; after each look, only cells whose verdict against "
        f"**{escape(record.baseline)}** was open got more, and the baseline with them. That made "
        f"{trainings} trainings{so_far}, instead of {fixed} with {looks[-1]} seeds for every cell: "
        f"{100 * (1 - trainings / fixed):.0f} % saved."
    )


def _write_confidence(look: _Look) -> str:
    levels = dict.fromkeys(
        level(each.comparison.difference.confidence)
        for each in look.judged.values()
        if each.comparison is not None
    )
    return ", ".join(levels) or MISSING


def _name_settled(look: _Look) -> str:
    names = [
        f"{escape(cell)}: {_write_verdict(each)}"
        for cell, each in look.judged.items()
        if each.is_settled
    ]
    return first_names(names, separator="; ") or MISSING


def _write_verdict(judged: JudgedCell) -> str:
    verdict = judged.comparison.verdict if judged.comparison is not None else MISSING
    return with_unit(verdict) if "within" in verdict or "," in verdict else verdict


def _name_open(look: _Look) -> str:
    """Name the cells that ended open at a look, or count those that went on to the next one."""
    names = [escape(cell) for cell, each in look.judged.items() if not each.is_settled]
    on = f"{look.gone_on} went on" if look.gone_on else ""
    return "; ".join(filter(None, [first_names(names), on])) or MISSING


def _describe_end(study: Study) -> str:
    """Say what the verdicts are read off, and what open cells could still get."""
    record = study.record
    text = (
        "A verdict is read at the look that settled the cell, or at its last one, by the seeds of "
        "that look; later seeds of the baseline do not change it. Means and all other tables use "
        "all seeds."
    )
    waiting = _list_waiting(study.judged_cells, record)
    if waiting and record.interim is None:
        text += (
            f" The study ended before the last look: {first_names(waiting)} would get more seeds "
            "if the experiment was submitted again, with budget left and without `--look`."
        )
    return text


def _list_waiting(judged: Mapping[str, JudgedCell], record: ExperimentRecord) -> Sequence[str]:
    return [
        escape(cell)
        for cell, each in judged.items()
        if each.look < len(record.looks)
        and each.comparison is not None
        and not each.is_settled
        and each.comparison.verdict != INTERIM
    ]

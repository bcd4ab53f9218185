"""Studies that grow from look to look: every cell is judged at the look that settles it.

A cell whose verdict is better, worse or equivalent is settled: it needs no more seeds, and what
later looks say about the baseline does not change its verdict any more. At each look, the cells
that are not settled yet are compared with the baseline as one family, by the seeds of that look
alone: every cell of the family has all of them, so that comparisons stay paired. A false verdict
needs an interval that misses the truth while all true ties are still in the family, so the error
over cells and looks is at most that of a study in which no cell is ever settled.

The same replay decides which cells get more seeds (`orchestrator/execution/stages/looks.py`) and
writes the report, so both agree; it needs nothing but the trials.
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from reports.analysis.comparison import Comparison
from reports.analysis.verdict import is_equivalent, is_separable
from reports.records import ExperimentRecord, RunRecord

_ENDED = ("FINISHED", "FAILED", "DELETED")
Judge = Callable[[ExperimentRecord], Mapping[str, Comparison]]


@dataclass(frozen=True)
class JudgedCell:
    """A cell at the look that settled it, or else at the last one that it has trials for.

    Attributes:
        look: the number of the look, from 1.
        comparison: the comparison with the baseline; None if one of them has no score.
    """

    look: int
    comparison: Comparison | None

    @property
    def is_settled(self) -> bool:
        """Whether its verdict is better, worse or equivalent."""
        return self.comparison is not None and (
            is_separable(self.comparison.verdict) or is_equivalent(self.comparison.verdict)
        )


def can_be_replayed(record: ExperimentRecord) -> bool:
    """Return whether a study has looks, whose seeds are those of its trials."""
    return len(record.looks) > 1 and all(run.seed < record.looks[-1] for run in record.runs)


def judge_over_looks(record: ExperimentRecord, judge: Judge) -> dict[str, JudgedCell]:
    """Return every cell with a trial but the baseline, as it was judged.

    Args:
        record: a study that can be replayed.
        judge: compares the cells of a study with its baseline, as one family.
    """
    judged: dict[str, JudgedCell] = {}
    open_cells = [cell for cell in record.cells if cell != record.baseline]
    for number in range(1, len(record.looks) + 1):
        first_seed = record.looks[number - 2] if number > 1 else 0
        present = {run.cell for run in record.runs if run.seed >= first_seed}
        open_cells = [cell for cell in open_cells if cell in present]
        if not open_cells:
            break
        comparisons = judge(restrict_to_look(record, number, open_cells))
        judged |= {cell: JudgedCell(number, comparisons.get(cell)) for cell in open_cells}
        open_cells = [cell for cell in open_cells if not judged[cell].is_settled]
    return judged


def restrict_to_look(
    record: ExperimentRecord, number: int, cells: Collection[str]
) -> ExperimentRecord:
    """Return the study of the baseline and some other cells, with the seeds up to a look."""
    seeds = record.looks[number - 1]
    kept = {record.baseline, *cells}
    runs = [run for run in record.runs if run.cell in kept and run.seed < seeds]
    is_whole = len(runs) == len(record.runs) and number == record.look
    return replace(
        record,
        cells=[cell for cell in record.cells if cell in kept],
        runs=record.runs if is_whole else runs,
        look=number,
        interim=None if _is_final(record, runs, seeds) else record.interim,
    )


def _is_final(record: ExperimentRecord, runs: Sequence[RunRecord], seeds: int) -> bool:
    """Return whether all trials of a look have ended, although the study may still grow."""
    if record.interim is None or record.has_changed_plan:
        return record.interim is None
    counts = Counter(run.cell for run in runs)
    has_all = all(count == seeds for count in counts.values())
    return has_all and all(run.state in _ENDED for run in runs)

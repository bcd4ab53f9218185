"""The looks of an experiment as its stages: cells whose verdict is open get more seeds.

At each look the cells are judged as in the report (`reports/analysis/planning/growing.py`). A cell
that is better or worse than the baseline, or equivalent to it, is settled. The others get the seeds
of their next look, and with them the baseline, and the trials that they learn from. So do cells
that cannot be judged yet because trials have failed; those without any score do not.
"""

from dataclasses import replace

from orchestrator.spec.experiment import Experiment
from orchestrator.stores import Stores
from reports.records import ExperimentRecord


class Looks:
    """The stage that takes an experiment from look to look."""

    def resume(self, experiment: Experiment, stores: Stores) -> Experiment:
        """Return the experiment with the trials of the looks that were reached."""
        trials = stores.ledger.trials(experiment.name)
        return experiment.joined_by({trial.trial_id for trial in trials})

    def next_trials(self, experiment: Experiment, stores: Stores) -> Experiment | None:
        """Return the experiment with the trials of the next look; None after the last one."""
        if not experiment.later_trials or experiment.baseline not in _list_cells(experiment):
            return None  # the search of the baseline's settings has found none
        trial_ids = find_next_trials(experiment, _read_record(experiment, stores))
        return experiment.joined_by(trial_ids) if trial_ids else None


def _read_record(experiment: Experiment, stores: Stores) -> ExperimentRecord:
    """Return the trials so far, by the plan of the spec: the ledger may have an earlier one."""
    from orchestrator.results.records import read_record  # takes a second to import
    from orchestrator.results.source_cells import leave_out_sources

    recorded, listed = stores.ledger.experiment(experiment.name), experiment.trial_by_id
    trials = [t for t in stores.ledger.trials(experiment.name) if t.trial_id in listed]
    planned = replace(
        recorded,
        run_id=None,  # whose latency decides nothing
        baseline=experiment.baseline,
        margin_points=experiment.margin_points,
        seeds=experiment.seeds,
        looks=experiment.looks,
    )
    return leave_out_sources(read_record(planned, trials, stores.tracker), trials)


def _list_cells(experiment: Experiment) -> set[str]:
    """Return the cells that have trials of the study."""
    return {trial.cell for trial in experiment.trials if trial.sample is None}


def find_next_trials(experiment: Experiment, record: ExperimentRecord) -> set[str]:
    """Return the ids of the later trials that open cells and the baseline get next.

    Args:
        experiment: the experiment with its later trials.
        record: its trials so far, which have all ended.
    """
    seeds_by_cell = {
        cell: experiment.looks[look] for cell, look in _find_open_cells(record).items()
    }
    seeds_by_cell[record.baseline] = max(seeds_by_cell.values(), default=0)
    return {
        trial.trial_id
        for trial in experiment.later_trials
        if trial.config.seed < seeds_by_cell.get(trial.cell, 0)
    }


def _find_open_cells(record: ExperimentRecord) -> dict[str, int]:
    """Return the look at which each cell was judged that is not settled, if another one follows."""
    from reports.analysis.study import Study

    # What was cancelled will have no score, and a change of plan is for the report to object to.
    runs = [replace(r, state="FAILED") if r.state == "CANCELLED" else r for r in record.runs]
    study = Study(replace(record, runs=runs, interim=None))
    return {
        cell: judged.look
        for cell, judged in study.judged_cells.items()
        if judged.comparison is not None
        and not judged.is_settled
        and judged.look < len(record.looks)
    }

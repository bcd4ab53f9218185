"""The ledger: which trials were requested, by which experiments, and the state of each trial.

A restart reads the ledger and nothing else. Only drivers (the process of a `submit`) write states:
they claim trials, so that two submits never train the same trial at the same time. Measurements
are in MLflow; `run_id` joins the two.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from orchestrator.ledger.availability.liveness import find_live_drivers
from orchestrator.ledger.control.entries import Lease
from orchestrator.ledger.control.leases import is_cancelled, read_lease
from orchestrator.ledger.database import begin_registration, open_database
from orchestrator.ledger.driver import Driver
from orchestrator.ledger.entries import (
    Changes,
    ExperimentEntry,
    ExperimentStatus,
    ImportedTrial,
    Member,
    State,
    TrialStatus,
    tag_of,
)
from orchestrator.ledger.overview.attempt_status import AttemptStatus
from orchestrator.ledger.overview.budget import read_budget
from orchestrator.ledger.overview.budget_status import BudgetStatus
from orchestrator.ledger.overview.experiments import read_experiment_statuses
from orchestrator.ledger.overview.trials import (
    read_attempts,
    read_durations,
    read_trial_statuses,
)
from orchestrator.ledger.quick_names import explain_missing
from orchestrator.ledger.rows import (
    add_members,
    cancel_orphans,
    order_cells,
    read_cells_of_runs,
    read_sample_runs,
    read_started_fingerprints,
    read_trials,
    record_changed_plan,
    select_present,
    write_experiment,
    write_finished,
    write_members,
    write_trials,
)
from orchestrator.ledger.tables import experiments, members, trials
from orchestrator.ledger.upkeep import Upkeep
from vss.errors import UserError


def _rank_sample(status: TrialStatus) -> tuple[bool, int, int]:
    """Return a value by which the samples of a cell come first, in their order."""
    if status.sample is None:
        return True, 0, 0
    return False, status.sample, status.last_step


class Ledger:
    """The ledger in a database.

    Args:
        url: SQLAlchemy address; its tables are created or brought up to date.

    Raises:
        UserError: if the database cannot be reached.
    """

    def __init__(self, url: str) -> None:
        self._engine = open_database(url)

    def add(self, entry: ExperimentEntry, trials_of_entry: Sequence[Member]) -> Changes:
        """Record an experiment: new trials are PENDING, recorded ones keep their state.

        Later trials join only by `extend`; those that have joined stay. Trials that the experiment
        no longer lists leave it. If they never ran and no experiment
        lists them any more, they become CANCELLED.

        Raises:
            UserError: if a trial was started on different data.
        """
        with begin_registration(self._engine) as db:
            earlier_cells = read_cells_of_runs(db, entry.name)
            samples = read_sample_runs(db, entry.name)
            present = select_present(db, entry.name, trials_of_entry)
            record_changed_plan(db, entry, present)
            write_experiment(db, entry)
            write_trials(db, present)
            write_members(db, entry.name, present)
            cancel_orphans(db)
            cells = read_cells_of_runs(db, entry.name)
            samples |= read_sample_runs(db, entry.name)
        return Changes(
            joined={run: cell for run, cell in cells.items() if earlier_cells.get(run) != cell},
            left=[run for run in earlier_cells if run not in cells],
            samples=samples,
        )

    def extend(
        self, experiment: str, joining: Sequence[Member], cells: Sequence[str] = ()
    ) -> Changes:
        """Add trials to an experiment while it runs, each after the others of its cell.

        Those that it lists already stay as they are.

        Args:
            experiment: its name.
            joining: the trials.
            cells: its cells, in the order of its spec; without them, new cells come last.

        Raises:
            UserError: if a trial was started on different data.
        """
        with begin_registration(self._engine) as db:
            earlier_cells = read_cells_of_runs(db, experiment)
            write_trials(db, joining)
            add_members(db, experiment, joining)
            order_cells(db, experiment, cells)
            cell_by_run = read_cells_of_runs(db, experiment)
            samples = read_sample_runs(db, experiment)
        joined = {run: cell for run, cell in cell_by_run.items() if run not in earlier_cells}
        return Changes(joined, left=[], samples=samples)

    def add_finished(self, entry: ExperimentEntry, imported: Sequence[ImportedTrial]) -> None:
        """Record trials that have already finished; other members of the experiment stay.

        An experiment that the ledger already has keeps its description, source, baseline and
        published results.
        """
        with begin_registration(self._engine) as db:
            row = experiments.c.name == entry.name
            if db.execute(sa.select(experiments).where(row)).first() is None:
                write_experiment(db, entry)
            for trial in imported:
                write_finished(db, entry.name, trial)

    def finished_runs(self, trial_ids: Sequence[str]) -> dict[str, str | None]:
        """Return trial_id -> MLflow run, for those of the trials that have finished."""
        with self._engine.connect() as db:
            rows = read_trials(db, trial_ids)
        return {t: row.run_id for t, row in rows.items() if row.state == State.FINISHED}

    def started_fingerprints(self, trial_ids: Sequence[str]) -> dict[str, str]:
        """Return trial_id -> data fingerprint, for those of the trials that have ever started."""
        with self._engine.connect() as db:
            return read_started_fingerprints(db, trial_ids)

    def set_experiment_run(self, name: str, run_id: str) -> None:
        """Record the id of an experiment's parent run."""
        with self._engine.begin() as db:
            row = experiments.c.name == name
            db.execute(sa.update(experiments).where(row).values(run_id=run_id))

    def set_report_state(self, name: str, state: str | None) -> None:
        """Record what an experiment's report shows; None if it is to be built again."""
        with self._engine.begin() as db:
            row = experiments.c.name == name
            db.execute(sa.update(experiments).where(row).values(report_state=state))

    def experiments(self) -> list[ExperimentStatus]:
        """Return all experiments, newest last."""
        with self._engine.connect() as db:
            return read_experiment_statuses(db)

    def experiment(self, name: str) -> ExperimentStatus:
        """Return one experiment.

        Raises:
            UserError: if the ledger has no experiment of that name.
        """
        with self._engine.connect() as db:
            statuses = read_experiment_statuses(db, name)
        if not statuses:
            raise UserError(explain_missing("experiment", name, self.names()))
        return statuses[0]

    def names(self) -> list[str]:
        """Return the names of all experiments."""
        with self._engine.connect() as db:
            return list(db.scalars(sa.select(experiments.c.name)))

    def find_trial_ids(self, beginning: str) -> list[str]:
        """Return the trials whose trial_id begins like this, in alphabetical order."""
        query = sa.select(trials.c.trial_id).where(
            trials.c.trial_id.startswith(beginning, autoescape=True)
        )
        with self._engine.connect() as db:
            return sorted(db.scalars(query))

    def trials(self, experiment: str, with_samples: bool = False) -> list[TrialStatus]:
        """Return the trials of an experiment, in the order of its spec.

        Args:
            experiment: its name.
            with_samples: whether those of its search are among them: before the others of their
                cell, sample by sample.
        """
        with self._engine.connect() as db:
            statuses = read_trial_statuses(db, experiment)
        if not with_samples:
            return [status for status in statuses if status.sample is None]
        cells = {cell: n for n, cell in enumerate(dict.fromkeys(s.cell for s in statuses))}
        return sorted(statuses, key=lambda status: (cells[status.cell], _rank_sample(status)))

    def deciding_trials(self, experiment: str) -> list[TrialStatus]:
        """Return the trials that say how an experiment has ended, or how far it has got.

        Those of the study, and the samples of the cells that have none of the study: their search
        is not over, or all of its samples have failed.
        """
        trials = self.trials(experiment, with_samples=True)
        studied = {trial.cell for trial in trials if trial.sample is None}
        return [trial for trial in trials if trial.sample is None or trial.cell not in studied]

    def budget(self, experiment: str) -> BudgetStatus | None:
        """Return the budget of an experiment and what is spent of it; None if it has none."""
        with self._engine.connect() as db:
            return read_budget(db, experiment)

    def attempts(self, trial_id: str) -> list[AttemptStatus]:
        """Return the attempts at a trial, oldest first."""
        with self._engine.connect() as db:
            return read_attempts(db, trial_id)

    def durations(self) -> list[tuple[dict[str, Any], float]]:
        """Return the settings and the seconds of each trial that was trained in one attempt."""
        with self._engine.connect() as db:
            return read_durations(db)

    def membership(self, trial_id: str) -> dict[str, str]:
        """Return the cell of a trial in each experiment that lists it."""
        query = sa.select(members.c.experiment, members.c.cell).where(
            members.c.trial_id == trial_id
        )
        with self._engine.connect() as db:
            return {row.experiment: row.cell for row in db.execute(query)}

    def run_tags(self, trial_id: str) -> dict[str, str]:
        """Return the tags that name the cell of a trial's run in each experiment that lists it."""
        columns = (members.c.experiment, members.c.cell, members.c.sample)
        query = sa.select(*columns).where(members.c.trial_id == trial_id)
        with self._engine.connect() as db:
            rows = db.execute(query).all()
        return {tag_of(row.experiment, row.sample is not None): row.cell for row in rows}

    @property
    def upkeep(self) -> Upkeep:
        """What a user can do to trials while no driver runs them."""
        return Upkeep(self._engine)

    def settings_and_data(self, trial_id: str) -> tuple[dict[str, Any], str]:
        """Return the settings of a trial and the fingerprint of its data."""
        query = sa.select(trials.c.settings, trials.c.data_fingerprint).where(
            trials.c.trial_id == trial_id
        )
        with self._engine.connect() as db:
            row = db.execute(query).one()
        return json.loads(row.settings), row.data_fingerprint

    def lease(self, experiment: str) -> Lease | None:
        """Return who runs an experiment; None if no live driver does."""
        with self._engine.connect() as db:
            return read_lease(db, experiment, find_live_drivers(db))

    def is_cancelled(self, experiment: str) -> bool:
        """Return whether an experiment has been cancelled since its last driver started."""
        with self._engine.connect() as db:
            return is_cancelled(db, experiment)

    @contextmanager
    def driver(self, job: str | None = None) -> Iterator[Driver]:
        """Register this process as a driver until the block ends; then release its claims.

        Args:
            job: the id of the Ray job that this process is; None in a user's terminal.
        """
        driver = Driver(self._engine, job)
        try:
            yield driver
        finally:
            driver.release_claims()

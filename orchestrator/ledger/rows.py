"""Rows of the ledger's tables: the queries behind `Ledger` and `Driver`."""

import json
from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from orchestrator.ledger.entries import (
    OPEN_STATES,
    ExperimentEntry,
    ImportedTrial,
    Member,
    State,
)
from orchestrator.ledger.overview.attempt_status import LOST_DRIVER
from orchestrator.ledger.tables import attempts, dependencies, experiments, members, now, trials
from vss.errors import UserError

# What a claim gives the right to write. Driver and attempt must still be those of the claim, and
# neither the trial nor the attempt may have ended. They take longer to build than to run.
_TRIAL: Any = sa.bindparam("claimed")
_NUMBER: Any = sa.bindparam("number_of_claim")
_DRIVER: Any = sa.bindparam("by")
CLAIMED_TRIAL = sa.update(trials).where(
    trials.c.trial_id == _TRIAL,
    trials.c.state != State.FINISHED,
    trials.c.driver == _DRIVER,
    sa.select(sa.func.max(attempts.c.number)).where(attempts.c.trial_id == _TRIAL).scalar_subquery()
    == _NUMBER,
)
CLAIMED_ATTEMPT = sa.update(attempts).where(
    attempts.c.trial_id == _TRIAL,
    attempts.c.number == _NUMBER,
    attempts.c.state.in_(OPEN_STATES),
    sa.exists().where(trials.c.trial_id == _TRIAL, trials.c.driver == _DRIVER),
)


def read_trials(db: Connection, trial_ids: Sequence[str]) -> dict[str, Any]:
    """Return the rows of trials by trial_id, in several queries: databases limit list lengths."""
    rows: dict[str, Any] = {}
    for first in range(0, len(trial_ids), 500):
        chunk = trial_ids[first : first + 500]
        for row in db.execute(sa.select(trials).where(trials.c.trial_id.in_(chunk))):
            rows[row.trial_id] = row
    return rows


def read_started_fingerprints(db: Connection, trial_ids: Sequence[str]) -> dict[str, str]:
    """Return the data fingerprints of those of the trials that have ever started, by trial_id."""
    has_started = sa.exists().where(
        attempts.c.trial_id == trials.c.trial_id, attempts.c.started_at.is_not(None)
    )
    query = sa.select(trials.c.trial_id, trials.c.data_fingerprint).where(has_started)
    fingerprints: dict[str, str] = {}
    for first in range(0, len(trial_ids), 500):
        chunk = trials.c.trial_id.in_(trial_ids[first : first + 500])
        fingerprints |= {row[0]: row[1] for row in db.execute(query.where(chunk))}
    return fingerprints


def update_unfinished(trial_id: str) -> sa.Update:
    """Return an update that skips a finished trial: its row never changes."""
    row = trials.c.trial_id == trial_id
    return sa.update(trials).where(row, trials.c.state != State.FINISHED)


def end_lost_attempts(db: Connection, trial_ids: Collection[str]) -> None:
    """End the open attempts at trials whose driver was lost.

    They end with the last heartbeat: the time since then counts for no budget.
    """
    is_open = attempts.c.trial_id.in_(trial_ids) & attempts.c.state.in_(OPEN_STATES)
    last_heartbeat = sa.select(trials.c.heartbeat_at).where(
        trials.c.trial_id == attempts.c.trial_id
    )
    ended_at = sa.func.coalesce(last_heartbeat.scalar_subquery(), now())
    values = {"state": State.CANCELLED, "ended_at": ended_at, "message": LOST_DRIVER}
    db.execute(sa.update(attempts).where(is_open).values(values))


def write_experiment(db: Connection, entry: ExperimentEntry) -> None:
    """Insert an experiment, or update the one with the same name."""
    values = {
        "description": entry.description,
        "source": entry.source,
        "baseline": entry.baseline,
        "published": entry.published,
        "margin_points": entry.margin_points,
        "seeds": list(entry.seeds),
        "looks": list(entry.looks),
        "budget": dict(entry.budget),
    }
    row = experiments.c.name == entry.name
    update = db.execute(sa.update(experiments).where(row).values(values))
    if update.rowcount == 0:
        new = {"name": entry.name, "created_at": now(), "earlier_seeds": []}
        db.execute(sa.insert(experiments).values(**new, **values))


def record_changed_plan(
    db: Connection, entry: ExperimentEntry, trials_of_entry: Sequence[Member]
) -> None:
    """Record the seeds planned so far if the plan changes now that results exist.

    Verdicts are wrong far too often if seeds are added until a difference shows. The record is
    permanent: later changes do not undo it. It covers neither the same cells under a different
    name nor experiments from before the ledger stored plans.
    """
    row = experiments.c.name == entry.name
    recorded_plan = db.execute(sa.select(experiments).where(row)).first()
    if recorded_plan is None or recorded_plan.earlier_seeds:
        return
    if not recorded_plan.seeds or not entry.seeds:
        return
    plan = (set(entry.seeds), list(entry.looks))
    if plan == (set(recorded_plan.seeds), list(recorded_plan.looks)):
        return
    finished_trials = (
        sa.select(members.c.trial_id)
        .join(trials, trials.c.trial_id == members.c.trial_id)
        .where(members.c.experiment == entry.name, trials.c.state == State.FINISHED)
        .where(members.c.sample.is_(None))
    )
    trial_ids = {member.trial.trial_id for member in trials_of_entry}
    if any(trial.trial_id in trial_ids for trial in db.execute(finished_trials)):
        db.execute(sa.update(experiments).where(row).values(earlier_seeds=recorded_plan.seeds))


def write_trials(db: Connection, trials_of_entry: Sequence[Member]) -> None:
    """Insert the trials that are new.

    Raises:
        UserError: if a trial was started on different data.
    """
    rows = read_trials(db, [member.trial.trial_id for member in trials_of_entry])
    for member in trials_of_entry:
        row = rows.get(member.trial.trial_id)
        if row is None:
            _insert_trial(db, member)
        elif row.data_fingerprint != member.data_fingerprint:
            _change_data(db, member, row)


def _insert_trial(db: Connection, member: Member) -> None:
    config = member.trial.config
    db.execute(
        sa.insert(trials).values(
            trial_id=member.trial.trial_id,
            settings=json.dumps(config.settings()),
            state=State.PENDING,
            data_fingerprint=member.data_fingerprint,
        )
    )
    if config.sources:
        sources = [{"setting": s, "source": source} for s, source in config.sources.items()]
        rows = [{"trial_id": member.trial.trial_id, **source} for source in sources]
        db.execute(sa.insert(dependencies), rows)


def _change_data(db: Connection, member: Member, row: Any) -> None:
    """Accept different data before a trial first starts, and refuse it afterwards."""
    starts = sa.select(attempts.c.number).where(
        attempts.c.trial_id == row.trial_id, attempts.c.started_at.is_not(None)
    )
    if db.execute(starts).first() is not None:
        trial = member.trial
        raise UserError(
            f"cell '{trial.cell}', seed {trial.config.seed} (trial {row.trial_id}) was trained on "
            f"different {trial.config.dataset} data (fingerprint {row.data_fingerprint[:12]}, now "
            f"{member.data_fingerprint[:12]}): restore the original data, or use another VSS_HOME"
        )
    values = {"data_fingerprint": member.data_fingerprint}
    db.execute(update_unfinished(row.trial_id).values(values))


def write_members(db: Connection, experiment: str, trials_of_entry: Sequence[Member]) -> None:
    """Replace the members of an experiment."""
    db.execute(sa.delete(members).where(members.c.experiment == experiment))
    db.execute(
        sa.insert(members),
        [_member_row(experiment, n, member) for n, member in enumerate(trials_of_entry)],
    )


def select_present(db: Connection, experiment: str, listed: Sequence[Member]) -> list[Member]:
    """Leave out the later trials that have not joined the experiment."""
    query = sa.select(members.c.trial_id).where(members.c.experiment == experiment)
    joined = set(db.scalars(query))
    return [member for member in listed if not member.is_later or member.trial.trial_id in joined]


def add_members(db: Connection, experiment: str, joining: Sequence[Member]) -> None:
    """Add members that the experiment does not list yet, at the position of their cell's last."""
    rows = db.execute(sa.select(members).where(members.c.experiment == experiment)).all()
    listed = {row.trial_id for row in rows}
    positions: dict[str, int] = {}
    for row in rows:
        positions[row.cell] = max(row.position, positions.get(row.cell, 0))
    for member in joining:
        if member.trial.trial_id not in listed:
            position = positions.setdefault(
                member.trial.cell, max(positions.values(), default=0) + 1
            )
            db.execute(sa.insert(members).values(_member_row(experiment, position, member)))


def order_cells(db: Connection, experiment: str, cells: Sequence[str]) -> None:
    """Give all members of a cell its position in this order; seeds order them within it."""
    if cells:
        row = (members.c.experiment == experiment) & (members.c.cell == sa.bindparam("of_cell"))
        update = sa.update(members).where(row).values(position=sa.bindparam("rank"))
        db.execute(update, [{"of_cell": cell, "rank": n} for n, cell in enumerate(cells)])


def _member_row(experiment: str, position: int, member: Member) -> dict[str, Any]:
    return {
        "experiment": experiment,
        "trial_id": member.trial.trial_id,
        "position": position,
        "cell": member.trial.cell,
        "seed": member.trial.config.seed,
        "priority": member.trial.priority,
        "sample": member.trial.sample,
    }


def cancel_orphans(db: Connection) -> None:
    """Cancel pending trials that no experiment lists any more."""
    is_orphan = ~sa.exists().where(members.c.trial_id == trials.c.trial_id)
    is_waiting = (trials.c.state == State.PENDING) & trials.c.driver.is_(None)
    db.execute(sa.update(trials).where(is_waiting, is_orphan).values(state=State.CANCELLED))


def read_cells_of_runs(db: Connection, experiment: str) -> dict[str, str]:
    """Return run id -> cell, for the trials of an experiment that have a run."""
    query = (
        sa.select(trials.c.run_id, members.c.cell)
        .join(members, members.c.trial_id == trials.c.trial_id)
        .where(members.c.experiment == experiment, trials.c.run_id.is_not(None))
    )
    return {row.run_id: row.cell for row in db.execute(query)}


def read_sample_runs(db: Connection, experiment: str) -> set[str]:
    """Return the runs of the trials that belong to the search of an experiment."""
    query = (
        sa.select(trials.c.run_id)
        .join(members, members.c.trial_id == trials.c.trial_id)
        .where(members.c.experiment == experiment, members.c.sample.is_not(None))
    )
    return {run_id for run_id in db.scalars(query) if run_id is not None}


def write_finished(db: Connection, experiment: str, imported: ImportedTrial) -> None:
    """Insert a trial that has already finished, or mark its row as finished."""
    trial_id = imported.member.trial.trial_id
    if trial_id not in read_trials(db, [trial_id]):
        _insert_trial(db, imported.member)
    values = {
        "state": State.FINISHED,
        "run_id": imported.run_id,
        "score": imported.score,
        "finished_at": now(),
        "data_fingerprint": imported.member.data_fingerprint,
    }
    db.execute(sa.update(trials).where(trials.c.trial_id == trial_id).values(values))
    attempt = {"trial_id": trial_id, "number": imported.last_attempt, "state": State.FINISHED}
    same_attempt = (attempts.c.trial_id == trial_id) & (attempts.c.number == imported.last_attempt)
    db.execute(sa.delete(attempts).where(same_attempt))
    db.execute(sa.insert(attempts).values(attempt | {"started_at": now(), "ended_at": now()}))
    membership = (members.c.experiment == experiment) & (members.c.trial_id == trial_id)
    if db.execute(sa.select(members).where(membership)).first() is None:
        row = _member_row(experiment, imported.position, imported.member)
        db.execute(sa.insert(members).values(row))

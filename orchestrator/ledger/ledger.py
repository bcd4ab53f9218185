"""What was asked for, by which experiments, and where each trial stands.

The ledger is the truth that a restart reads. Only drivers (the process of a `submit`) write it:
they claim trials, so that two submits never train the same one at the same time, and write states.
What was measured is MLflow's; the two are joined by `run_id`.
"""

import json
import os
import socket
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from filelock import FileLock
from sqlalchemy.engine import Connection, Engine

from vss.errors import UserError
from vss.trial_config import TrialConfig

# A driver that has not been seen for this long is taken for dead.
DRIVER_TIMEOUT = timedelta(seconds=60)
VERSION_TABLE = "vss_ledger_version"  # MLflow's own in the same database is "alembic_version"
_UNREACHABLE = (sa.exc.DBAPIError, sa.exc.ArgumentError, ImportError, OSError)


class State(StrEnum):
    """Of a trial and of an attempt. FINISHED never changes; a submit takes up all others again."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    FINISHED = "FINISHED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


class UtcTime(sa.TypeDecorator[datetime]):
    """A point in time; SQLite forgets the zone, which is always UTC here."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
        """Give the zone back."""
        return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value


metadata = sa.MetaData()
experiments = sa.Table(
    "experiments",
    metadata,
    sa.Column("name", sa.String(80), primary_key=True),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),  # the spec as written
    sa.Column("baseline", sa.Text, nullable=False),
    sa.Column("run_id", sa.String(64)),  # its parent run in MLflow
    sa.Column("created_at", UtcTime, nullable=False),
)
trials = sa.Table(
    "trials",
    metadata,
    sa.Column("trial_id", sa.String(12), primary_key=True),
    sa.Column("settings", sa.Text, nullable=False),  # JSON
    sa.Column("state", sa.String(12), nullable=False, index=True),
    sa.Column("message", sa.Text),  # why it failed
    sa.Column("run_id", sa.String(64)),
    sa.Column("data_fingerprint", sa.String(64), nullable=False),
    sa.Column("driver", sa.String(36)),  # who has claimed it
    # The heartbeat of a running trial: only the live view reads it.
    sa.Column("step", sa.Integer, nullable=False, default=0),
    sa.Column("loss", sa.Double),
    sa.Column("miou", sa.Double),
    sa.Column("heartbeat_at", UtcTime),
    sa.Column("finished_at", UtcTime),
)
members = sa.Table(  # a trial's place in an experiment
    "members",
    metadata,
    sa.Column("experiment", sa.ForeignKey("experiments.name"), primary_key=True),
    sa.Column("trial_id", sa.ForeignKey("trials.trial_id"), primary_key=True, index=True),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("cell", sa.Text, nullable=False),
    sa.Column("seed", sa.Integer, nullable=False),
)
attempts = sa.Table(  # one start of a trial; PENDING until its worker reports
    "attempts",
    metadata,
    sa.Column("trial_id", sa.ForeignKey("trials.trial_id"), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("state", sa.String(12), nullable=False),
    sa.Column("first_step", sa.Integer, nullable=False, default=0),
    sa.Column("started_at", UtcTime),
    sa.Column("ended_at", UtcTime),
    sa.Column("message", sa.Text),  # the worker's error, with its traceback
)
drivers = sa.Table(  # processes that claim trials
    "drivers",
    metadata,
    sa.Column("driver", sa.String(36), primary_key=True),
    sa.Column("host", sa.Text, nullable=False),
    sa.Column("pid", sa.Integer, nullable=False),
    sa.Column("seen_at", UtcTime, nullable=False),
)


@dataclass(frozen=True)
class Member:
    """A trial as an experiment asks for it.

    Attributes:
        cell: its cell in that experiment.
        config: its settings.
        data_fingerprint: of the data that it would be trained on now.
    """

    cell: str
    config: TrialConfig
    data_fingerprint: str


@dataclass(frozen=True)
class Imported:
    """A trial that was finished where there is no ledger.

    Attributes:
        member: what it is, and on what data it was trained.
        position: its place among the experiment's trials.
        run_id: of its MLflow run.
        attempts: number of its last attempt.
    """

    member: Member
    position: int
    run_id: str
    attempts: int


@dataclass(frozen=True)
class TrialStatus:
    """Where a trial of an experiment stands.

    Attributes:
        state: PENDING also if it was running when its driver was lost.
        attempts: how often a worker started it.
        first_step: where the newest attempt began; with started_at it gives the time left.
    """

    trial_id: str
    cell: str
    seed: int
    settings: Mapping[str, Any]
    state: State
    attempts: int
    message: str | None
    run_id: str | None
    step: int
    loss: float | None
    miou: float | None
    first_step: int
    started_at: datetime | None
    heartbeat_at: datetime | None


@dataclass(frozen=True)
class ExperimentStatus:
    """An experiment and how many of its trials are in each state."""

    name: str
    description: str
    source: str
    baseline: str
    run_id: str | None
    created_at: datetime
    counts: Mapping[State, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Claim:
    """The right to run a trial once, as attempt number `attempt`."""

    trial_id: str
    attempt: int
    run_id: str | None


class Ledger:
    """The database.

    Args:
        url: SQLAlchemy address; its tables are made or brought up to date.

    Raises:
        UserError: if the database is out of reach.
    """

    def __init__(self, url: str) -> None:
        try:
            self._engine = _connect(url)
            _migrate(self._engine)
        except _UNREACHABLE as error:
            raise UserError(_out_of_reach(url, error)) from None

    def add(
        self,
        name: str,
        wanted: Sequence[Member],
        description: str = "",
        source: str = "",
        baseline: str = "",
    ) -> None:
        """Enter an experiment: unknown trials PENDING, known ones left as they are.

        Trials that the experiment held before and does not ask for any more leave it; those that
        nobody asks for any more and that never ran become CANCELLED.

        Raises:
            UserError: if a trial was begun on other data.
        """
        with self._engine.begin() as db:
            self._enter_experiment(db, name, description, source, baseline)
            known = _by_id(db, [m.config.trial_id for m in wanted])
            for member in wanted:
                row = known.get(member.config.trial_id)
                if row is None:
                    _insert_trial(db, member)
                elif row.data_fingerprint != member.data_fingerprint:
                    _change_data(db, member, row)
            db.execute(sa.delete(members).where(members.c.experiment == name))
            db.execute(
                sa.insert(members),
                [
                    {
                        "experiment": name,
                        "trial_id": m.config.trial_id,
                        "position": position,
                        "cell": m.cell,
                        "seed": m.config.seed,
                    }
                    for position, m in enumerate(wanted)
                ],
            )
            orphaned = ~sa.exists().where(members.c.trial_id == trials.c.trial_id)
            waiting = (trials.c.state == State.PENDING) & trials.c.driver.is_(None)
            db.execute(sa.update(trials).where(waiting, orphaned).values(state=State.CANCELLED))

    def take_in(
        self, name: str, description: str, source: str, baseline: str, found: Sequence[Imported]
    ) -> None:
        """Enter trials that are finished already; other members of the experiment stay.

        An experiment that is known keeps its description, source and baseline.
        """
        with self._engine.begin() as db:
            if db.execute(sa.select(experiments).where(experiments.c.name == name)).first() is None:
                self._enter_experiment(db, name, description, source, baseline)
            for trial in found:
                _take_in(db, name, trial)

    def finished(self, trial_id: str) -> str | None:
        """The MLflow run of a finished trial, or None if it is not known or not finished."""
        query = sa.select(trials.c.run_id).where(
            trials.c.trial_id == trial_id, trials.c.state == State.FINISHED
        )
        with self._engine.connect() as db:
            row = db.execute(query).first()
        return None if row is None else str(row.run_id)

    def _enter_experiment(
        self, db: Connection, name: str, description: str, source: str, baseline: str
    ) -> None:
        values = {"description": description, "source": source, "baseline": baseline}
        found = db.execute(sa.update(experiments).where(experiments.c.name == name).values(values))
        if found.rowcount == 0:
            db.execute(sa.insert(experiments).values(name=name, created_at=_now(), **values))

    def set_experiment_run(self, name: str, run_id: str) -> None:
        """Remember the parent run of an experiment."""
        with self._engine.begin() as db:
            row = experiments.c.name == name
            db.execute(sa.update(experiments).where(row).values(run_id=run_id))

    def experiments(self) -> list[ExperimentStatus]:
        """All experiments, the newest last."""
        with self._engine.connect() as db:
            rows = db.execute(sa.select(experiments).order_by(experiments.c.created_at)).all()
            counted = db.execute(
                sa.select(members.c.experiment, trials.c.state, sa.func.count())
                .join(trials, trials.c.trial_id == members.c.trial_id)
                .group_by(members.c.experiment, trials.c.state)
            ).all()
        counts: dict[str, dict[State, int]] = {}
        for name, state, number in counted:
            counts.setdefault(name, {})[State(state)] = number
        return [ExperimentStatus(**row._mapping, counts=counts.get(row.name, {})) for row in rows]

    def experiment(self, name: str) -> ExperimentStatus:
        """One experiment.

        Raises:
            UserError: if there is none of that name.
        """
        found = {status.name: status for status in self.experiments()}
        if name not in found:
            known = ", ".join(found) or "none yet"
            raise UserError(f"no experiment '{name}' in the ledger; known: {known}")
        return found[name]

    def trials(self, experiment: str) -> list[TrialStatus]:
        """The trials of an experiment, in the order of its spec."""
        started = attempts.c.started_at.is_not(None)
        tried = (
            sa.select(
                attempts.c.trial_id,
                sa.func.count().filter(started).label("count"),
                sa.func.max(attempts.c.number).filter(started).label("newest"),
            )
            .group_by(attempts.c.trial_id)
            .subquery()
        )
        newest = (attempts.c.trial_id == tried.c.trial_id) & (attempts.c.number == tried.c.newest)
        query = (
            sa.select(trials, members.c.cell, members.c.seed, tried.c.count)
            .add_columns(attempts.c.first_step, attempts.c.started_at)
            .join(members, members.c.trial_id == trials.c.trial_id)
            .outerjoin(tried, tried.c.trial_id == trials.c.trial_id)
            .outerjoin(attempts, newest)
            .where(members.c.experiment == experiment)
            .order_by(members.c.position)
        )
        with self._engine.connect() as db:
            alive = _living_drivers(db)
            return [_status(row, alive) for row in db.execute(query)]

    def membership(self, trial_id: str) -> dict[str, str]:
        """Experiment -> cell, for every experiment that asks for a trial."""
        query = sa.select(members.c.experiment, members.c.cell).where(
            members.c.trial_id == trial_id
        )
        with self._engine.connect() as db:
            return {row.experiment: row.cell for row in db.execute(query)}

    @contextmanager
    def driver(self) -> Iterator["Driver"]:
        """Register this process as one that runs trials; its claims end with it."""
        driver = Driver(self._engine)
        try:
            yield driver
        finally:
            driver.leave()


class Driver:
    """A process that claims trials and writes what becomes of them."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.driver_id = str(uuid.uuid4())
        with engine.begin() as db:
            db.execute(
                sa.insert(drivers).values(
                    driver=self.driver_id,
                    host=socket.gethostname(),
                    pid=os.getpid(),
                    seen_at=_now(),
                )
            )

    def touch(self) -> None:
        """Tell other drivers that this one lives."""
        with self._engine.begin() as db:
            me = drivers.c.driver == self.driver_id
            db.execute(sa.update(drivers).where(me).values(seen_at=_now()))

    def claim(self, trial_ids: Sequence[str]) -> list[Claim]:
        """Claim those trials that are neither finished nor in the hands of a living driver."""
        claims = []
        with self._engine.begin() as db:
            alive = _living_drivers(db)
            known = _by_id(db, trial_ids)
            for row in (known[trial_id] for trial_id in trial_ids):
                if row.state == State.FINISHED or row.driver in alive - {self.driver_id}:
                    continue
                # Two drivers may read the same row: only one finds it unchanged.
                unchanged = trials.c.driver.is_not_distinct_from(row.driver)
                found = db.execute(
                    _unfinished(row.trial_id)
                    .where(unchanged)
                    .values(driver=self.driver_id, state=State.PENDING, message=None)
                )
                if found.rowcount == 1:
                    claims.append(_next_attempt(db, row))
        return claims

    def start(self, claim: Claim, first_step: int, run_id: str | None) -> None:
        """A worker has begun."""
        with self._engine.begin() as db:
            values = {"state": State.RUNNING, "step": first_step, "heartbeat_at": _now()}
            self._update(db, claim, **values, loss=None, miou=None, run_id=run_id)
            attempt = {"state": State.RUNNING, "first_step": first_step, "started_at": _now()}
            db.execute(_attempt(claim).values(attempt))

    def beat(self, beats: Mapping[Claim, Mapping[str, Any]]) -> None:
        """Write the last step, loss and mIoU of running trials."""
        with self._engine.begin() as db:
            for claim, values in beats.items():
                self._update(db, claim, **values, heartbeat_at=_now())

    def end(self, claim: Claim, state: State, message: str | None, details: str | None) -> None:
        """An attempt is over.

        Args:
            claim: which.
            state: FINISHED, FAILED, CANCELLED (stopped by the user), or PENDING to try again.
            message: one line for the user; only for FAILED.
            details: the worker's error with its traceback; kept with the attempt.
        """
        with self._engine.begin() as db:
            finished_at = _now() if state == State.FINISHED else None
            self._update(
                db, claim, state=state, message=message, finished_at=finished_at, driver=None
            )
            ended = State.FAILED if state == State.PENDING else state
            db.execute(_attempt(claim).values(state=ended, ended_at=_now(), message=details))

    def leave(self) -> None:
        """Give back what is still claimed."""
        mine = trials.c.driver == self.driver_id
        with self._engine.begin() as db:
            db.execute(sa.update(trials).where(mine).values(driver=None))
            db.execute(sa.delete(drivers).where(drivers.c.driver == self.driver_id))

    def _update(self, db: Connection, claim: Claim, **values: Any) -> None:
        mine = trials.c.driver == self.driver_id
        db.execute(_unfinished(claim.trial_id).where(mine).values(values))


def _unfinished(trial_id: str) -> sa.Update:
    """Every write to a trial goes through here: a finished row never changes."""
    row = trials.c.trial_id == trial_id
    return sa.update(trials).where(row, trials.c.state != State.FINISHED)


def _attempt(claim: Claim) -> sa.Update:
    row = (attempts.c.trial_id == claim.trial_id) & (attempts.c.number == claim.attempt)
    return sa.update(attempts).where(row)


def _next_attempt(db: Connection, row: Any) -> Claim:
    of_trial = attempts.c.trial_id == row.trial_id
    left_open = attempts.c.state.in_([State.PENDING, State.RUNNING])
    db.execute(
        sa.update(attempts)
        .where(of_trial, left_open)
        .values(state=State.CANCELLED, ended_at=_now(), message="its driver was lost")
    )
    newest = db.execute(sa.select(sa.func.max(attempts.c.number)).where(of_trial)).scalar()
    claim = Claim(row.trial_id, (newest or 0) + 1, row.run_id)
    values = {"trial_id": claim.trial_id, "number": claim.attempt, "state": State.PENDING}
    db.execute(sa.insert(attempts).values(values))
    return claim


def _by_id(db: Connection, trial_ids: Sequence[str]) -> dict[str, Any]:
    """Rows of trials; asked for in parts, as databases limit the length of a list."""
    rows: dict[str, Any] = {}
    for first in range(0, len(trial_ids), 500):
        part = trial_ids[first : first + 500]
        for row in db.execute(sa.select(trials).where(trials.c.trial_id.in_(part))):
            rows[row.trial_id] = row
    return rows


def _insert_trial(db: Connection, member: Member) -> None:
    db.execute(
        sa.insert(trials).values(
            trial_id=member.config.trial_id,
            settings=json.dumps(member.config.settings()),
            state=State.PENDING,
            data_fingerprint=member.data_fingerprint,
        )
    )


def _take_in(db: Connection, experiment: str, found: Imported) -> None:
    trial_id = found.member.config.trial_id
    this = trials.c.trial_id == trial_id
    if trial_id not in _by_id(db, [trial_id]):
        _insert_trial(db, found.member)
    values = {"state": State.FINISHED, "run_id": found.run_id, "finished_at": _now()}
    fingerprint = found.member.data_fingerprint
    db.execute(sa.update(trials).where(this).values(data_fingerprint=fingerprint, **values))
    tried = (attempts.c.trial_id == trial_id) & (attempts.c.number == found.attempts)
    db.execute(sa.delete(attempts).where(tried))
    db.execute(
        sa.insert(attempts).values(
            trial_id=trial_id,
            number=found.attempts,
            state=State.FINISHED,
            started_at=_now(),
            ended_at=_now(),
        )
    )
    known = (members.c.experiment == experiment) & (members.c.trial_id == trial_id)
    if db.execute(sa.select(members).where(known)).first() is None:
        db.execute(
            sa.insert(members).values(
                experiment=experiment,
                trial_id=trial_id,
                position=found.position,
                cell=found.member.cell,
                seed=found.member.config.seed,
            )
        )


def _change_data(db: Connection, member: Member, row: Any) -> None:
    """Other data: fine before the first start, refused after."""
    begun = sa.select(attempts.c.number).where(
        attempts.c.trial_id == row.trial_id, attempts.c.started_at.is_not(None)
    )
    if db.execute(begun).first() is not None:
        raise UserError(
            f"cell '{member.cell}', seed {member.config.seed} (trial {row.trial_id}) was trained "
            f"on other {member.config.dataset} data: fingerprint {row.data_fingerprint[:12]}, now "
            f"{member.data_fingerprint[:12]}; give the data of then, or use another VSS_HOME"
        )
    db.execute(_unfinished(row.trial_id).values(data_fingerprint=member.data_fingerprint))


def _status(row: Any, alive: set[str]) -> TrialStatus:
    left_behind = row.state == State.RUNNING and row.driver not in alive
    return TrialStatus(
        trial_id=row.trial_id,
        cell=row.cell,
        seed=row.seed,
        settings=json.loads(row.settings),
        state=State.PENDING if left_behind else State(row.state),
        attempts=row.count or 0,
        message=row.message,
        run_id=row.run_id,
        step=row.step,
        loss=row.loss,
        miou=row.miou,
        first_step=row.first_step or 0,
        started_at=row.started_at,
        heartbeat_at=row.heartbeat_at,
    )


def _living_drivers(db: Connection) -> set[str]:
    return {row.driver for row in db.execute(sa.select(drivers)) if _is_alive(row)}


def _is_alive(driver: Any) -> bool:
    if _now() - driver.seen_at > DRIVER_TIMEOUT:
        return False
    if driver.host != socket.gethostname():
        return True
    try:
        os.kill(driver.pid, 0)  # asks, does not kill
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _now() -> datetime:
    return datetime.now(UTC)


def _connect(url: str) -> Engine:
    engine = sa.create_engine(url, pool_pre_ping=True)
    if engine.dialect.name == "sqlite":
        if engine.url.database:
            Path(engine.url.database).parent.mkdir(parents=True, exist_ok=True)
        sa.event.listen(engine, "connect", _prepare_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _: Any) -> None:
    connection.execute("PRAGMA journal_mode = WAL")  # readers do not wait for the writer
    connection.execute("PRAGMA busy_timeout = 30000")
    connection.execute("PRAGMA foreign_keys = ON")


def _migrate(engine: Engine) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with _one_at_a_time(engine), engine.begin() as db:
        config.attributes["connection"] = db
        command.upgrade(config, "head")


@contextmanager
def _one_at_a_time(engine: Engine) -> Iterator[None]:
    """Two processes must not make the tables of a new database at once."""
    if engine.dialect.name == "sqlite":
        with FileLock(f"{engine.url.database}.lock"):
            yield
    elif engine.dialect.name == "postgresql":
        with engine.connect() as db, db.begin():
            db.execute(sa.select(sa.func.pg_advisory_xact_lock(7_654_321)))
            yield
    else:
        yield


def _out_of_reach(url: str, error: Exception) -> str:
    try:
        shown = sa.make_url(url).render_as_string(hide_password=True)
    except sa.exc.ArgumentError:
        return (
            f"VSS_LEDGER_URL is no database address: '{url}'; write for example "
            "postgresql://user:password@host/database or sqlite:////folder/ledger.db"
        )
    if isinstance(error, ImportError):
        return (
            f"the ledger at {shown} needs a driver that is not installed ({error}); "
            "for PostgreSQL: pip install 'vss-orch[postgres]'"
        )
    reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
    return f"the ledger at {shown} is out of reach: {reason}; check VSS_LEDGER_URL or VSS_HOME"

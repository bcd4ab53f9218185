"""The tables of the ledger. A new column also needs a migration, in `migrations/versions`."""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

VERSION_TABLE = "vss_ledger_version"  # MLflow uses "alembic_version", maybe in the same database


class UtcTime(sa.TypeDecorator[datetime]):
    """A point in time in UTC; SQLite drops the time zone."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
        """Restore the time zone."""
        return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value


metadata = sa.MetaData()
experiments = sa.Table(
    "experiments",
    metadata,
    sa.Column("name", sa.String(80), primary_key=True),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),  # the spec as written, and overrides
    sa.Column("baseline", sa.Text, nullable=False),
    sa.Column("run_id", sa.String(64)),  # parent run in MLflow
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("published", sa.JSON, nullable=False),  # cell -> its published results
    sa.Column("margin_points", sa.Double),
    sa.Column("seeds", sa.JSON, nullable=False),  # all planned seeds; [] if unknown
    sa.Column("looks", sa.JSON, nullable=False),  # number of seeds at each planned look
    sa.Column("earlier_seeds", sa.JSON, nullable=False),  # seeds planned before a change
    sa.Column("report_state", sa.String(64)),  # digest of what its last report shows
    sa.Column("budget", sa.JSON, nullable=False, default=dict),  # unit -> hours; {} if unlimited
)
trials = sa.Table(
    "trials",
    metadata,
    sa.Column("trial_id", sa.String(12), primary_key=True),
    sa.Column("settings", sa.Text, nullable=False),  # JSON
    sa.Column("state", sa.String(12), nullable=False, index=True),
    sa.Column("message", sa.Text),  # the reason if it failed
    sa.Column("run_id", sa.String(64)),
    sa.Column("data_fingerprint", sa.String(64), nullable=False),
    sa.Column("driver", sa.String(36)),  # the driver that has claimed it
    sa.Column("cancel_requested_at", UtcTime),  # its driver has yet to stop it
    # The heartbeat of a running trial, read only by the live view and `status`.
    sa.Column("step", sa.Integer, nullable=False, default=0),
    sa.Column("loss", sa.Double),
    sa.Column("miou", sa.Double),
    sa.Column("heartbeat_at", UtcTime),
    sa.Column("waiting_for", sa.JSON(none_as_null=True)),  # a service that is out of reach
    sa.Column("finished_at", UtcTime),
    # The scored mIoU, as `status` must not open MLflow; no report reads it.
    sa.Column("score", sa.Double),
)
members = sa.Table(  # which trials belong to which experiments
    "members",
    metadata,
    sa.Column("experiment", sa.ForeignKey("experiments.name"), primary_key=True),
    sa.Column("trial_id", sa.ForeignKey("trials.trial_id"), primary_key=True, index=True),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("cell", sa.Text, nullable=False),
    sa.Column("seed", sa.Integer, nullable=False),
    sa.Column("priority", sa.Integer, nullable=False, default=0),  # higher ones start first
    sa.Column("sample", sa.Integer),  # number among its cell's in a search; NULL for the study's
)
dependencies = sa.Table(  # which trials must finish before a trial starts
    "dependencies",
    metadata,
    sa.Column("trial_id", sa.ForeignKey("trials.trial_id"), primary_key=True),
    sa.Column("setting", sa.String(20), primary_key=True),  # that names the source
    # No foreign key: the ledger may lack the source, for example while trials are imported.
    sa.Column("source", sa.String(12), nullable=False, index=True),
)
attempts = sa.Table(  # starts of trials; PENDING until the worker reports
    "attempts",
    metadata,
    sa.Column("trial_id", sa.ForeignKey("trials.trial_id"), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("state", sa.String(12), nullable=False),
    sa.Column("first_step", sa.Integer, nullable=False, default=0),
    sa.Column("started_at", UtcTime),
    sa.Column("ended_at", UtcTime),
    sa.Column("message", sa.Text),  # the worker's error, with its traceback
    sa.Column("experiment", sa.String(80), index=True),  # whose driver started it
    sa.Column("gpus", sa.Double, nullable=False, default=0.0),  # GPUs it held
)
drivers = sa.Table(  # processes that claim trials
    "drivers",
    metadata,
    sa.Column("driver", sa.String(36), primary_key=True),
    sa.Column("host", sa.Text, nullable=False),
    sa.Column("pid", sa.Integer, nullable=False),
    sa.Column("seen_at", UtcTime, nullable=False),
    sa.Column("job", sa.String(120)),  # the Ray job that it is; NULL in a user's terminal
    sa.Column("activity", sa.Text),  # what it does while no trial runs
)
leases = sa.Table(  # which driver runs an experiment
    "leases",
    metadata,
    sa.Column("experiment", sa.String(80), primary_key=True),
    sa.Column("driver", sa.String(36), nullable=False),
    sa.Column("cancel_requested_at", UtcTime),  # the driver is asked to end
)


def now() -> datetime:
    """Return the current time as the ledger stores it."""
    return datetime.now(UTC)

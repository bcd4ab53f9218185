"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create experiments, trials, members, attempts and drivers."""
    op.create_table(
        "experiments",
        sa.Column("name", sa.String(80), primary_key=True),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("baseline", sa.Text, nullable=False),
        sa.Column("run_id", sa.String(64)),
        sa.Column("created_at", _TIME, nullable=False),
    )
    op.create_table(
        "trials",
        sa.Column("trial_id", sa.String(12), primary_key=True),
        sa.Column("settings", sa.Text, nullable=False),
        sa.Column("state", sa.String(12), nullable=False, index=True),
        sa.Column("message", sa.Text),
        sa.Column("run_id", sa.String(64)),
        sa.Column("data_fingerprint", sa.String(64), nullable=False),
        sa.Column("driver", sa.String(36)),
        sa.Column("step", sa.Integer, nullable=False),
        sa.Column("loss", sa.Double),
        sa.Column("miou", sa.Double),
        sa.Column("heartbeat_at", _TIME),
        sa.Column("finished_at", _TIME),
    )
    op.create_table(
        "members",
        sa.Column("experiment", sa.String(80), sa.ForeignKey("experiments.name"), primary_key=True),
        sa.Column(
            "trial_id",
            sa.String(12),
            sa.ForeignKey("trials.trial_id"),
            primary_key=True,
            index=True,
        ),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("cell", sa.Text, nullable=False),
        sa.Column("seed", sa.Integer, nullable=False),
    )
    op.create_table(
        "attempts",
        sa.Column("trial_id", sa.String(12), sa.ForeignKey("trials.trial_id"), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("first_step", sa.Integer, nullable=False),
        sa.Column("started_at", _TIME),
        sa.Column("ended_at", _TIME),
        sa.Column("message", sa.Text),
    )
    op.create_table(
        "drivers",
        sa.Column("driver", sa.String(36), primary_key=True),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("pid", sa.Integer, nullable=False),
        sa.Column("seen_at", _TIME, nullable=False),
    )


def downgrade() -> None:
    """Drop all tables."""
    for name in ("drivers", "attempts", "members", "trials", "experiments"):
        op.drop_table(name)

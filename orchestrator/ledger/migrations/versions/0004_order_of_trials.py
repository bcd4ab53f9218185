"""What decides which trial starts next, and the state that the last report shows."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_trials = sa.table(
    "trials", sa.column("trial_id"), sa.column("settings", sa.Text), sa.column("teacher")
)


def upgrade() -> None:
    """Add the columns, and name the teacher of each existing student."""
    op.add_column("trials", sa.Column("teacher", sa.String(12)))
    op.add_column("members", sa.Column("priority", sa.Integer, nullable=False, server_default="0"))
    op.add_column("experiments", sa.Column("report_state", sa.String(64)))
    db = op.get_bind()
    students = sa.select(_trials).where(_trials.c.settings.contains('"teacher"'))
    for trial in db.execute(students).all():
        teacher = json.loads(trial.settings)["teacher"]
        if teacher != "none":
            row = _trials.c.trial_id == trial.trial_id
            db.execute(sa.update(_trials).where(row).values(teacher=teacher))


def downgrade() -> None:
    """Drop the columns."""
    op.drop_column("experiments", "report_state")
    op.drop_column("members", "priority")
    op.drop_column("trials", "teacher")

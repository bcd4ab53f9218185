"""Trials that depend on several others, not on a teacher alone."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_trials = sa.table("trials", sa.column("trial_id"), sa.column("teacher"))
_dependencies = sa.table(
    "dependencies", sa.column("trial_id"), sa.column("setting"), sa.column("source")
)


def upgrade() -> None:
    """Move the teachers into a table of their own."""
    op.create_table(
        "dependencies",
        sa.Column("trial_id", sa.String(12), sa.ForeignKey("trials.trial_id"), primary_key=True),
        sa.Column("setting", sa.String(20), primary_key=True),
        sa.Column("source", sa.String(12), nullable=False),
    )
    op.create_index("ix_dependencies_source", "dependencies", ["source"])
    students = sa.select(_trials.c.trial_id, sa.literal("teacher"), _trials.c.teacher).where(
        _trials.c.teacher.is_not(None)
    )
    op.get_bind().execute(
        sa.insert(_dependencies).from_select(["trial_id", "setting", "source"], students)
    )
    op.drop_column("trials", "teacher")


def downgrade() -> None:
    """Move the teachers back; other sources are lost."""
    op.add_column("trials", sa.Column("teacher", sa.String(12)))
    teacher = (
        sa.select(_dependencies.c.source)
        .where(_dependencies.c.trial_id == _trials.c.trial_id, _dependencies.c.setting == "teacher")
        .scalar_subquery()
    )
    op.get_bind().execute(sa.update(_trials).values(teacher=teacher))
    op.drop_table("dependencies")

"""Budgets of experiments, and what decides the hours that an attempt counts for."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; attempts from before count for no budget."""
    op.add_column("experiments", sa.Column("budget", sa.JSON, nullable=False, server_default="{}"))
    op.add_column("attempts", sa.Column("experiment", sa.String(80)))
    op.add_column("attempts", sa.Column("gpus", sa.Double, nullable=False, server_default="0"))
    op.create_index("ix_attempts_experiment", "attempts", ["experiment"])


def downgrade() -> None:
    """Drop the columns."""
    op.drop_index("ix_attempts_experiment", "attempts")
    op.drop_column("attempts", "gpus")
    op.drop_column("attempts", "experiment")
    op.drop_column("experiments", "budget")

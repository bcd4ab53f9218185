"""The published results of an experiment."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; existing experiments get their results at their next submit."""
    op.add_column(
        "experiments", sa.Column("published", sa.JSON, nullable=False, server_default="{}")
    )


def downgrade() -> None:
    """Drop the column."""
    op.drop_column("experiments", "published")

"""The score of a finished trial, for `status`."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; trials that have finished before have no score in it."""
    op.add_column("trials", sa.Column("score", sa.Double))


def downgrade() -> None:
    """Drop the column."""
    op.drop_column("trials", "score")

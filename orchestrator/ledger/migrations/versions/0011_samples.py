"""The samples of a search among the trials of an experiment."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; what is there belongs to no search."""
    op.add_column("members", sa.Column("sample", sa.Integer))


def downgrade() -> None:
    """Drop the column."""
    op.drop_column("members", "sample")

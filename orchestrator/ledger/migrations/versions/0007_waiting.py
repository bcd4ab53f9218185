"""The service that a running trial waits for."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("trials", sa.Column("waiting_for", sa.JSON))


def downgrade() -> None:
    """Drop the column."""
    op.drop_column("trials", "waiting_for")

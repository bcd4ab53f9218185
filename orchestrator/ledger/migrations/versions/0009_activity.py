"""What a driver does while no trial runs."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("drivers", sa.Column("activity", sa.Text))


def downgrade() -> None:
    """Drop the column."""
    op.drop_column("drivers", "activity")

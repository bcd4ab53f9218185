"""Which driver runs an experiment, and what it is asked to stop."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table and the columns."""
    time = sa.DateTime(timezone=True)
    op.create_table(
        "leases",
        sa.Column("experiment", sa.String(80), primary_key=True),
        sa.Column("driver", sa.String(36), nullable=False),
        sa.Column("cancel_requested_at", time),
    )
    op.add_column("trials", sa.Column("cancel_requested_at", time))
    op.add_column("drivers", sa.Column("job", sa.String(120)))


def downgrade() -> None:
    """Drop the table and the columns."""
    op.drop_column("drivers", "job")
    op.drop_column("trials", "cancel_requested_at")
    op.drop_table("leases")

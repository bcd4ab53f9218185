"""The margin and the planned seeds of an experiment."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_LISTS = ("seeds", "looks", "earlier_seeds")


def upgrade() -> None:
    """Add the columns; existing experiments get their plan at their next submit."""
    op.add_column("experiments", sa.Column("margin_points", sa.Double))
    for name in _LISTS:
        op.add_column("experiments", sa.Column(name, sa.JSON, nullable=False, server_default="[]"))


def downgrade() -> None:
    """Drop the columns."""
    for name in ("margin_points", *_LISTS):
        op.drop_column("experiments", name)

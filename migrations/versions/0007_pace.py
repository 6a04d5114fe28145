"""Pace: events that are tried again later, and how fast chats and the whole bot are written to."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("inbox", sa.Column("not_before", sa.BigInteger()))
    op.add_column("address", sa.Column("paced_until", sa.BigInteger()))
    op.create_table(
        "pace", sa.Column("name", sa.String(), primary_key=True), sa.Column("until", sa.BigInteger(), nullable=False)
    )


def downgrade() -> None:
    op.drop_table("pace")
    op.drop_column("address", "paced_until")
    op.drop_column("inbox", "not_before")

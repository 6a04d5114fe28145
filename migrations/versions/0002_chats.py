"""What is known of a chat: its newest message, the one with live buttons; and which chat an event belongs to."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("address", sa.Column("newest", sa.String()))
    op.add_column("address", sa.Column("keyboard", sa.String()))
    op.add_column("inbox", sa.Column("chat", sa.String(64)))
    waiting = sa.text("state = 'waiting' AND chat IS NOT NULL")
    op.create_index("ix_inbox_chat", "inbox", ["chat", "id"], sqlite_where=waiting, postgresql_where=waiting)


def downgrade() -> None:
    # Not in a batch: that copies the table, and the copy would forget that no number is given twice.
    op.drop_index("ix_inbox_chat", "inbox")
    op.drop_column("inbox", "chat")
    op.drop_column("address", "keyboard")
    op.drop_column("address", "newest")

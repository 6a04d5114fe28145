"""What is known of a chat: its newest message, the one with live buttons; and which chat an event belongs to."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("address") as table:
        table.add_column(sa.Column("newest", sa.String()))
        table.add_column(sa.Column("keyboard", sa.String()))
    with op.batch_alter_table("inbox") as table:
        table.add_column(sa.Column("chat", sa.String(64)))
    waiting = sa.text("state = 'waiting' AND chat IS NOT NULL")
    op.create_index("ix_inbox_chat", "inbox", ["chat", "id"], sqlite_where=waiting, postgresql_where=waiting)


def downgrade() -> None:
    op.drop_index("ix_inbox_chat", "inbox")
    with op.batch_alter_table("inbox") as table:
        table.drop_column("chat")
    with op.batch_alter_table("address") as table:
        table.drop_column("keyboard")
        table.drop_column("newest")

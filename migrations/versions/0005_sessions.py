"""Sessions and reminders: when a client wants to be reminded, what they reported, what became of a reminder."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "rhythm",
        sa.Column("person_id", number, person(), primary_key=True, nullable=False, autoincrement=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "entry",
        sa.Column("id", number, primary_key=True),
        sa.Column("person_id", number, person(), nullable=False, autoincrement=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_entry_person", "entry", ["person_id", "id"])
    op.add_column("reminder", sa.Column("done_at", sa.BigInteger()))
    op.add_column("reminder", sa.Column("why", sa.String()))


def downgrade() -> None:
    op.drop_column("reminder", "why")
    op.drop_column("reminder", "done_at")
    op.drop_index("ix_entry_person", "entry")
    op.drop_table("entry")
    op.drop_table("rhythm")


def person() -> sa.ForeignKey:
    """Point to a person; the row goes with them."""
    return sa.ForeignKey("person.id", ondelete="CASCADE")

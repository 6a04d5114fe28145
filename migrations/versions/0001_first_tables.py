"""The first tables: people, facts, post."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = (
    *("meta", "person", "role", "address", "link", "conversation"),
    *("profile", "consent", "answer", "assessment", "plan", "flag", "reminder"),
    *("inbox", "outbox", "card"),
)


def upgrade() -> None:
    people()
    facts()
    post()


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)


def people() -> None:
    op.create_table("meta", sa.Column("name", sa.String(), primary_key=True), secret("value"))
    numbered("person", secret("name"), time("at"))
    op.create_table("role", person(primary_key=True), sa.Column("role", sa.String(), primary_key=True))
    numbered(
        "address",
        person(),
        sa.Column("lookup", sa.String(64), nullable=False),
        secret("value"),
        sa.Column("preferred", sa.Boolean(), nullable=False),
        time("typed_at", nullable=True),
        time("blocked_at", nullable=True),
        sa.UniqueConstraint("lookup"),
    )
    op.create_index("ix_address_person", "address", ["person_id"])
    partial("uq_address_preferred", "address", "preferred", "person_id", unique=True)
    numbered(
        "link",
        reference("coach_id", "person"),
        reference("client_id", "person"),
        sa.Column("responsible", sa.Boolean(), nullable=False),
        time("since"),
        time("until", nullable=True),
    )
    op.create_index("ix_link_client", "link", ["client_id"])
    op.create_index("ix_link_coach", "link", ["coach_id"])
    partial("uq_link_responsible", "link", "responsible AND until IS NULL", "client_id", unique=True)
    op.create_table(
        "conversation",
        person(primary_key=True),
        secret("state", nullable=True),
        sa.Column("shape", sa.Integer(), nullable=False),
        time("at"),
    )


def facts() -> None:
    op.create_table("profile", person(primary_key=True), secret("value"), time("at"))
    numbered("consent", person(), secret("value"), time("at"))
    op.create_index("ix_consent_person", "consent", ["person_id", "id"])
    numbered(
        "answer",
        person(),
        sa.Column("screening", sa.String(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        secret("value"),
        time("at"),
        sa.UniqueConstraint("person_id", "screening", "seq"),
    )
    numbered(
        "assessment",
        person(),
        sa.Column("screening", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        secret("value"),
        time("at"),
    )
    op.create_index("ix_assessment_person", "assessment", ["person_id", "id"])
    numbered("plan", person(), secret("value", nullable=True), time("at"))
    op.create_index("ix_plan_person", "plan", ["person_id", "id"])
    numbered(
        "flag",
        person(),
        sa.Column("lookup", sa.String(64), nullable=False),
        sa.Column("urgency", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        secret("value"),
        time("raised_at"),
        time("closed_at", nullable=True),
        secret("reason", nullable=True),
    )
    op.create_index("ix_flag_person", "flag", ["person_id", "id"])
    partial("uq_flag_open", "flag", "closed_at IS NULL", "person_id", "lookup", unique=True)
    numbered(
        "reminder",
        person(),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("local_date", sa.String(10), nullable=False),
        sa.Column("slot", sa.String(), nullable=False),
        sa.Column("plan_version", sa.Integer()),
        time("due_at"),
        sa.Column("state", sa.String(), nullable=False),
        sa.UniqueConstraint("person_id", "kind", "local_date", "slot"),
    )
    partial("ix_reminder_waiting", "reminder", "state = 'waiting'", "due_at", "id")


def post() -> None:
    numbered(
        "inbox",
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("lookup", sa.String(64), nullable=False),
        secret("value"),
        time("at"),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        time("done_at", nullable=True),
        secret("trace", nullable=True),
        sa.UniqueConstraint("source", "lookup"),
    )
    partial("ix_inbox_waiting", "inbox", "state = 'waiting'", "id")
    numbered(
        "outbox",
        person(),
        reference("address_id", "address"),
        sa.Column("card", sa.String()),
        secret("message"),
        sa.Column("priority", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("uncertain", sa.Boolean(), nullable=False),
        time("at"),
        time("not_before", nullable=True),
        time("claimed_at", nullable=True),
        time("done_at", nullable=True),
        sa.Column("message_id", sa.String()),
        secret("why", nullable=True),
    )
    partial("ix_outbox_waiting", "outbox", "state = 'waiting'", "address_id", "id")
    partial("uq_outbox_sending", "outbox", "state = 'sending'", "address_id", unique=True)
    op.create_index("ix_outbox_person", "outbox", ["person_id", "id"])
    op.create_table(
        "card",
        reference("address_id", "address", primary_key=True),
        sa.Column("card", sa.String(), primary_key=True),
        sa.Column("message_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        time("sent_at"),
    )


# A migration makes what it made on its first day, whatever becomes of bot/storage/tables.py.
# Only the names of constraints come from there (env.py gives its naming convention).


def numbered(table: str, *columns: Any) -> None:
    """Make a table whose rows are numbered, and no number given twice."""
    number = sa.Column("id", big(), primary_key=True)
    op.create_table(table, number, *columns, sqlite_autoincrement=True)


def partial(name: str, table: str, where: str, *columns: str, unique: bool = False) -> None:
    """Make an index of the rows that a condition holds for."""
    condition = sa.text(where)
    op.create_index(name, table, list(columns), unique=unique, sqlite_where=condition, postgresql_where=condition)


def person(*, primary_key: bool = False) -> sa.Column[int]:
    """Make a column that points to a person."""
    return reference("person_id", "person", primary_key=primary_key)


def reference(name: str, table: str, *, primary_key: bool = False) -> sa.Column[int]:
    """Make a column that points to a row, and goes with it."""
    key = sa.ForeignKey(f"{table}.id", ondelete="CASCADE")
    return sa.Column(name, big(), key, primary_key=primary_key, nullable=False, autoincrement=False)


def secret(name: str, *, nullable: bool = False) -> sa.Column[bytes]:
    """Make a column that holds what is encrypted."""
    return sa.Column(name, sa.LargeBinary(), nullable=nullable)


def time(name: str, *, nullable: bool = False) -> sa.Column[int]:
    """Make a column of microseconds since 1970."""
    return sa.Column(name, sa.BigInteger(), nullable=nullable)


def big() -> sa.types.TypeEngine[int]:
    """Give the type of ids: SQLite numbers rows only in a column of type INTEGER."""
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")

"""Coaching: invitations, a coach's desk, alerts, orders, notes, clips; audit, overrides and ratings."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

TABLES = ("invite", "desk", "alert", "orders", "note", "clip", "audit", "override", "rating")


def upgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

    def numbered(name: str, *columns: sa.schema.SchemaItem) -> None:
        op.create_table(name, sa.Column("id", number, primary_key=True), *columns, sqlite_autoincrement=True)

    def one_each(name: str, *columns: sa.schema.SchemaItem) -> None:
        op.create_table(
            name,
            sa.Column("person_id", number, person("CASCADE"), primary_key=True, nullable=False, autoincrement=False),
            *columns,
        )

    def owner() -> sa.Column[int]:
        return sa.Column("person_id", number, person("CASCADE"), nullable=False, autoincrement=False)

    def somebody(name: str) -> sa.Column[int]:
        return sa.Column(name, number, person("SET NULL"), autoincrement=False)

    numbered(
        "invite",
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("lookup", sa.String(64), nullable=False, unique=True),
        somebody("maker_id"),
        secret("value"),
        time("made_at"),
        time("expires_at"),
        time("used_at", nullable=True),
        time("revoked_at", nullable=True),
    )
    op.create_index("ix_invite_maker", "invite", ["maker_id", "id"])
    one_each("desk", secret("value"), sa.Column("takes_all", sa.Boolean(), nullable=False), time("at"))
    partial("uq_desk_takes_all", "desk", "takes_all", "takes_all")
    numbered(
        "alert",
        owner(),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("urgency", sa.String(), nullable=False),
        secret("value"),
        time("raised_at"),
        time("closed_at", nullable=True),
    )
    partial("uq_alert_live", "alert", "person_id", "closed_at IS NULL")
    op.create_index("ix_alert_person", "alert", ["person_id", "id"])
    one_each("orders", secret("value"), time("at"))
    numbered("note", owner(), somebody("coach_id"), secret("value"), time("at"))
    op.create_index("ix_note_person", "note", ["person_id", "id"])
    numbered(
        "clip",
        owner(),
        somebody("coach_id"),
        secret("value"),
        time("asked_at"),
        time("came_at", nullable=True),
        time("expires_at", nullable=True),
    )
    op.create_index("ix_clip_person", "clip", ["person_id", "id"])
    numbered(
        "audit",
        somebody("client_id"),
        somebody("person_id"),
        sa.Column("what", sa.String(), nullable=False),
        time("at"),
    )
    op.create_index("ix_audit_client", "audit", ["client_id", "id"])
    for name in ("override", "rating"):
        numbered(name, somebody("client_id"), secret("value"), time("at"))


def downgrade() -> None:
    for name in reversed(TABLES):
        op.drop_table(name)


def person(gone: str) -> sa.ForeignKey:
    """Point to a person; when they go, the row goes with them or forgets them."""
    return sa.ForeignKey("person.id", ondelete=gone)


def secret(name: str) -> sa.Column[bytes]:
    """Make an encrypted column."""
    return sa.Column(name, sa.LargeBinary(), nullable=False)


def time(name: str, *, nullable: bool = False) -> sa.Column[int]:
    """Make a column of an instant."""
    return sa.Column(name, sa.BigInteger(), nullable=nullable)


def partial(name: str, table: str, column: str, where: str) -> None:
    """Make a unique index of the rows that a condition holds for."""
    condition: dict[str, Any] = {"sqlite_where": sa.text(where), "postgresql_where": sa.text(where)}
    op.create_index(name, table, [column], unique=True, **condition)

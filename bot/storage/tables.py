"""The tables. What says anything of a person is encrypted; ids, times, counts and states are plain."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Dialect,
    ForeignKey,
    FromClause,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    literal,
    text,
)
from sqlalchemy.schema import SchemaItem
from sqlalchemy.types import TypeDecorator

from bot.storage.crypto import EncryptedJSON, EncryptedText, KeyRing

NEWEST = "0007"
"""The revision in migrations/ that makes these tables; each new one changes it."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
NAMES = {
    "pk": "pk_%(table_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
}
"""Every constraint has a name, so that a later migration can drop it."""
BIG = BigInteger().with_variant(Integer, "sqlite")
"""SQLite numbers rows by itself only in a column of type INTEGER."""
LOOKUP = 64
"""The length of a blind index, in hex digits."""


class UtcTime(TypeDecorator[datetime]):
    """An instant, kept as whole microseconds since 1970 UTC: order and equality are those of numbers."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone; give an instant in UTC")
        return (value - EPOCH) // MICROSECOND

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        return None if value is None else EPOCH + value * MICROSECOND


@dataclass(frozen=True, kw_only=True)
class Tables:
    """All tables of one database, encrypted with one ring."""

    metadata: MetaData
    meta: Table
    person: Table
    role: Table
    address: Table
    link: Table
    conversation: Table
    profile: Table
    consent: Table
    answer: Table
    assessment: Table
    plan: Table
    rhythm: Table
    entry: Table
    flag: Table
    inbox: Table
    outbox: Table
    card: Table
    pace: Table
    reminder: Table
    invite: Table
    desk: Table
    alert: Table
    orders: Table
    note: Table
    clip: Table
    audit: Table
    override: Table
    rating: Table


def make_tables(ring: KeyRing) -> Tables:
    """Make the tables, whose encrypted columns use *ring*."""
    metadata = MetaData(naming_convention=NAMES)
    secret, secrets = EncryptedText(ring), EncryptedJSON(ring)
    return Tables(
        metadata=metadata,
        meta=Table(
            "meta",
            metadata,
            Column("name", String, primary_key=True),
            Column("value", secret, nullable=False),
        ),
        **_people(metadata, secret, secrets),
        **_facts(metadata, secret, secrets),
        **_coaching(metadata, secret, secrets),
        **_post(metadata, secret, secrets),
    )


def in_state(table: FromClause, state: str) -> ColumnElement[bool]:
    """Say that rows are in a state, in the words of a partial index, so that SQLite uses it."""
    return table.c.state == literal(state, literal_execute=True)


def _people(metadata: MetaData, secret: EncryptedText, secrets: EncryptedJSON) -> dict[str, Table]:
    """Who there is, where they are reached, who looks after whom."""
    return {
        "person": _numbered(
            "person",
            metadata,
            Column("name", secret, nullable=False),
            Column("at", UtcTime, nullable=False),
        ),
        "role": Table(
            "role",
            metadata,
            _person(primary_key=True),
            Column("role", String, primary_key=True),
        ),
        "address": _numbered(
            "address",
            metadata,
            _person(),
            Column("lookup", String(LOOKUP), nullable=False, unique=True),
            Column("value", secrets, nullable=False),
            Column("preferred", Boolean, nullable=False),
            Column("typed_at", UtcTime),  # when the person last wrote here
            Column("blocked_at", UtcTime),
            Column("newest", String),  # the bot's newest message there
            Column("keyboard", String),  # the message that has the live buttons
            Column("paced_until", UtcTime),  # when it has had all it may be sent at once: see Speed
            Index("ix_address_person", "person_id"),
            _partial("uq_address_preferred", "preferred", "person_id", unique=True),
        ),
        "link": _numbered(
            "link",
            metadata,
            _reference("coach_id", "person.id"),
            _reference("client_id", "person.id"),
            Column("responsible", Boolean, nullable=False),
            Column("since", UtcTime, nullable=False),
            Column("until", UtcTime),
            _partial("uq_link_responsible", "responsible AND until IS NULL", "client_id", unique=True),
            Index("ix_link_client", "client_id"),
            Index("ix_link_coach", "coach_id"),
        ),
        "conversation": Table(
            "conversation",
            metadata,
            _person(primary_key=True),
            Column("state", secrets),
            Column("shape", Integer, nullable=False),
            Column("at", UtcTime, nullable=False),
        ),
    }


def _facts(metadata: MetaData, secret: EncryptedText, secrets: EncryptedJSON) -> dict[str, Table]:
    """What is known of a person. All but profile and rhythm are logs: the newest row counts, none is changed."""
    return {
        "profile": Table(
            "profile",
            metadata,
            _person(primary_key=True),
            Column("value", secrets, nullable=False),
            Column("at", UtcTime, nullable=False),
        ),
        "consent": _numbered(
            "consent",
            metadata,
            _person(),
            Column("value", secrets, nullable=False),  # version, given
            Column("at", UtcTime, nullable=False),
            Index("ix_consent_person", "person_id", "id"),
        ),
        "answer": _numbered(
            "answer",
            metadata,
            _person(),
            Column("screening", String, nullable=False),
            Column("seq", Integer, nullable=False),
            Column("value", secrets, nullable=False),  # path, value, how, words
            Column("at", UtcTime, nullable=False),
            UniqueConstraint("person_id", "screening", "seq"),
        ),
        "assessment": _numbered(
            "assessment",
            metadata,
            _person(),
            Column("screening", String, nullable=False),
            Column("version", String, nullable=False),
            Column("value", secrets, nullable=False),  # assessment, facts
            Column("at", UtcTime, nullable=False),
            Column("tested_at", UtcTime),  # NULL: the tests no longer count
            Index("ix_assessment_person", "person_id", "id"),
        ),
        "plan": _numbered(
            "plan",
            metadata,
            _person(),
            Column("value", secrets),  # NULL: the plan before it has ended
            Column("at", UtcTime, nullable=False),
            Index("ix_plan_person", "person_id", "id"),
        ),
        "rhythm": Table(
            "rhythm",
            metadata,
            _person(primary_key=True),
            Column("value", secrets, nullable=False),
            Column("at", UtcTime, nullable=False),
        ),
        "entry": _numbered(
            "entry",
            metadata,
            _person(),
            Column("value", secrets, nullable=False),  # a session, as reported; a correction repeats its id
            Column("at", UtcTime, nullable=False),
            Index("ix_entry_person", "person_id", "id"),
        ),
        "flag": _numbered(
            "flag",
            metadata,
            _person(),
            Column("lookup", String(LOOKUP), nullable=False),  # of person and flag id
            Column("urgency", String, nullable=False),
            Column("action", String, nullable=False),
            Column("value", secrets, nullable=False),  # flag, own_words
            Column("raised_at", UtcTime, nullable=False),
            Column("closed_at", UtcTime),
            Column("reason", secret),  # why it was closed
            _partial("uq_flag_open", "closed_at IS NULL", "person_id", "lookup", unique=True),
            Index("ix_flag_person", "person_id", "id"),
        ),
        "reminder": _numbered(
            "reminder",
            metadata,
            _person(),
            Column("kind", String, nullable=False),
            Column("local_date", String(10), nullable=False),
            Column("slot", String, nullable=False),
            Column("plan_version", Integer),
            Column("due_at", UtcTime, nullable=False),
            Column("state", String, nullable=False),  # waiting, done, skipped
            Column("done_at", UtcTime),
            Column("why", String),  # why it was skipped, in one plain word
            UniqueConstraint("person_id", "kind", "local_date", "slot"),
            _partial("ix_reminder_waiting", "state = 'waiting'", "due_at", "id"),
        ),
    }


def _coaching(metadata: MetaData, secret: EncryptedText, secrets: EncryptedJSON) -> dict[str, Table]:
    """What coaches see and decide. `audit`, `override` and `rating` outlive a client, and forget whose they were."""
    return {
        "invite": _numbered(
            "invite",
            metadata,
            Column("kind", String, nullable=False),  # coach, client
            Column("lookup", String(LOOKUP), nullable=False, unique=True),  # of the token, which is kept nowhere
            _somebody("maker_id"),  # NULL: the operator
            Column("value", secrets, nullable=False),  # name: what the one invited is called; used_by
            Column("made_at", UtcTime, nullable=False),
            Column("expires_at", UtcTime, nullable=False),
            Column("used_at", UtcTime),
            Column("revoked_at", UtcTime),
            Index("ix_invite_maker", "maker_id", "id"),
        ),
        "desk": Table(
            "desk",
            metadata,
            _person(primary_key=True),
            Column("value", secrets, nullable=False),  # when the digest comes, who covers
            Column("takes_all", Boolean, nullable=False),  # looks after clients who have no coach
            Column("at", UtcTime, nullable=False),
            _partial("uq_desk_takes_all", "takes_all", "takes_all", unique=True),
        ),
        "alert": _numbered(
            "alert",
            metadata,
            _person(),
            Column("state", String, nullable=False),  # open, acknowledged, acted, closed
            Column("urgency", String, nullable=False),
            Column("value", secrets, nullable=False),  # reasons, what was told and stopped, steps
            Column("raised_at", UtcTime, nullable=False),
            Column("closed_at", UtcTime),
            _partial("uq_alert_live", "closed_at IS NULL", "person_id", unique=True),
            Index("ix_alert_person", "person_id", "id"),
        ),
        "orders": Table(
            "orders",
            metadata,
            _person(primary_key=True),
            Column("value", secrets, nullable=False),  # what a coach decided about the plan
            Column("at", UtcTime, nullable=False),
        ),
        "note": _numbered(
            "note",
            metadata,
            _person(),
            _somebody("coach_id"),
            Column("value", secret, nullable=False),
            Column("at", UtcTime, nullable=False),
            Index("ix_note_person", "person_id", "id"),
        ),
        "clip": _numbered(
            "clip",
            metadata,
            _person(),
            _somebody("coach_id"),
            Column("value", secrets, nullable=False),  # test, side, file
            Column("asked_at", UtcTime, nullable=False),
            Column("came_at", UtcTime),
            Column("expires_at", UtcTime),
            Index("ix_clip_person", "person_id", "id"),
        ),
        "audit": _numbered(
            "audit",
            metadata,
            _somebody("client_id"),
            _somebody("person_id"),  # who looked or acted
            Column("what", String, nullable=False),
            Column("at", UtcTime, nullable=False),
            Index("ix_audit_client", "client_id", "id"),
        ),
        "override": _numbered(
            "override",
            metadata,
            _somebody("client_id"),
            Column("value", secrets, nullable=False),  # what was found, what a coach decided instead, why
            Column("at", UtcTime, nullable=False),
        ),
        "rating": _numbered(
            "rating",
            metadata,
            _somebody("client_id"),
            Column("value", secrets, nullable=False),  # test, side, the client's level and the coach's
            Column("at", UtcTime, nullable=False),
        ),
    }


def _post(metadata: MetaData, secret: EncryptedText, secrets: EncryptedJSON) -> dict[str, Table]:
    """What came in and what goes out."""
    return {
        "inbox": _numbered(
            "inbox",
            metadata,
            Column("source", String, nullable=False),
            Column("lookup", String(LOOKUP), nullable=False),  # of source and key
            Column("value", secrets, nullable=False),  # key, body
            Column("at", UtcTime, nullable=False),
            Column("state", String, nullable=False),  # waiting, done, aside
            Column("attempts", Integer, nullable=False),
            Column("done_at", UtcTime),
            Column("trace", secret),
            Column("chat", String(LOOKUP)),  # of the chat; NULL: of none
            Column("not_before", UtcTime),  # NULL: at once; else its handling raised, and is tried again then
            UniqueConstraint("source", "lookup"),
            _partial("ix_inbox_waiting", "state = 'waiting'", "id"),
            _partial("ix_inbox_chat", "state = 'waiting' AND chat IS NOT NULL", "chat", "id"),
        ),
        "outbox": _numbered(
            "outbox",
            metadata,
            _person(),
            _reference("address_id", "address.id"),
            Column("card", String),
            Column("message", secrets, nullable=False),
            Column("priority", String, nullable=False),  # safety, reply, prompt, announcement
            Column("state", String, nullable=False),  # waiting, sending, sent, failed, superseded, withheld
            Column("attempts", Integer, nullable=False),
            Column("uncertain", Boolean, nullable=False),  # perhaps sent before
            Column("at", UtcTime, nullable=False),
            Column("not_before", UtcTime),  # NULL: at once
            Column("claimed_at", UtcTime),
            Column("done_at", UtcTime),
            Column("message_id", String),
            Column("why", secret),
            Column("claimed_by", String),  # the process that sends it, or sent it last
            _partial("ix_outbox_waiting", "state = 'waiting'", "address_id", "id"),
            _partial("uq_outbox_sending", "state = 'sending'", "address_id", unique=True),
            Index("ix_outbox_person", "person_id", "id"),
        ),
        "pace": Table(
            "pace",
            metadata,
            Column("name", String, primary_key=True),
            Column("until", UtcTime, nullable=False),  # when the whole bot has sent all it may send at once
        ),
        "card": Table(
            "card",
            metadata,
            _reference("address_id", "address.id", primary_key=True),
            Column("card", String, primary_key=True),
            Column("message_id", String, nullable=False),
            Column("kind", String, nullable=False),  # text; an edit can't change it
            Column("sent_at", UtcTime, nullable=False),  # when its sending began
        ),
    }


def _numbered(name: str, metadata: MetaData, *parts: SchemaItem) -> Table:
    """Make a table whose rows are numbered; the number of a deleted row is never given to another."""
    return Table(name, metadata, Column("id", BIG, primary_key=True), *parts, sqlite_autoincrement=True)


def _person(*, primary_key: bool = False) -> Column[int]:
    return _reference("person_id", "person.id", primary_key=primary_key)


def _reference(name: str, target: str, *, primary_key: bool = False) -> Column[int]:
    """Make a column that points to a row; it goes with that row."""
    key = ForeignKey(target, ondelete="CASCADE")
    return Column(name, BIG, key, primary_key=primary_key, nullable=False, autoincrement=False)


def _somebody(name: str) -> Column[int]:
    """Make a column that points to a person; when they go, the row stays and forgets whom it meant."""
    return Column(name, BIG, ForeignKey("person.id", ondelete="SET NULL"), autoincrement=False)


def _partial(name: str, where: str, *columns: str, unique: bool = False) -> Index:
    """Make an index of the few rows that a condition holds for."""
    condition: dict[str, Any] = {"sqlite_where": text(where), "postgresql_where": text(where)}
    return Index(name, *columns, unique=unique, **condition)

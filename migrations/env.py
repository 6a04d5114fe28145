"""What Alembic runs a migration in: a connection that is given, or one to the URL of its configuration."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy import Connection, create_engine, make_url
from sqlalchemy.types import TypeDecorator

from bot.storage.crypto import KeyRing
from bot.storage.tables import make_tables


def run(connection: Connection) -> None:
    """Run the migrations on a connection."""
    context.configure(
        connection=connection,
        target_metadata=make_tables(KeyRing.new()).metadata,  # columns are compared, never read
        render_as_batch=connection.dialect.name == "sqlite",
        render_item=render_item,
    )
    with context.begin_transaction():
        context.run_migrations()


def render_item(kind: str, item: Any, _: AutogenContext) -> str | Literal[False]:
    """Write our own column types as what they are stored as: a migration must not change when they do."""
    if kind == "type" and isinstance(item, TypeDecorator):
        return f"sa.{type(item.impl_instance).__name__}()"
    return False


def main() -> None:
    """Run on the connection in `config.attributes`, or on one of our own to `sqlalchemy.url`."""
    given = context.config.attributes.get("connection")
    if given is not None:
        run(given)
        return
    url = make_url(context.config.get_main_option("sqlalchemy.url") or "")
    if url.get_backend_name() == "sqlite":
        url = url.set(drivername="sqlite")
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            run(connection)
    finally:
        engine.dispose()


main()

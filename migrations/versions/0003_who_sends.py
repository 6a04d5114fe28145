"""Which process sends a message: where there are several, one that starts must not repeat what another is sending."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("outbox", sa.Column("claimed_by", sa.String()))


def downgrade() -> None:
    op.drop_column("outbox", "claimed_by")

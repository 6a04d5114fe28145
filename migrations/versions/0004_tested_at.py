"""When the tests behind an assessment were done: answers of the gate make it anew and don't make them younger."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("assessment", sa.Column("tested_at", sa.BigInteger()))
    op.execute("UPDATE assessment SET tested_at = at")


def downgrade() -> None:
    op.drop_column("assessment", "tested_at")

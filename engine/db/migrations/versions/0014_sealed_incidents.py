"""Sealed incidents are found among all: a list of muted alerts must not tell of what is in one."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    sealed = sa.text("sealed_at IS NOT NULL")
    op.create_index("ix_incident_sealed", "incident", ["id"], sqlite_where=sealed, postgresql_where=sealed)

"""Who has passed an incident on, who has which duty, when a room was asked for, the latest status.

The release before leaves all of them empty.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from engine.db.types import Json, UtcDateTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("incident", sa.Column("declined", Json(), nullable=True))
    op.add_column("incident", sa.Column("duties", Json(), nullable=True))
    op.add_column("incident", sa.Column("room_at", UtcDateTime(), nullable=True))
    op.add_column("incident", sa.Column("status", sa.String(), nullable=True))
    op.add_column("incident", sa.Column("status_at", UtcDateTime(), nullable=True))
    op.add_column("incident", sa.Column("update_due_at", UtcDateTime(), nullable=True))

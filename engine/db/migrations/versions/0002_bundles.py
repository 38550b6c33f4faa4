"""Several messages may go out as one: under which name a message's last try did."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("outbox", sa.Column("sent_as", sa.String(), nullable=True))
    named = sa.text("sent_as IS NOT NULL")
    op.create_index("ix_outbox_sent_as", "outbox", ["sent_as"], sqlite_where=named, postgresql_where=named)

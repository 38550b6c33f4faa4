"""Who has passed an incident on. The release before knows nothing of it and leaves it empty."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from engine.db.types import Json

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("incident", sa.Column("declined", Json(), nullable=True))

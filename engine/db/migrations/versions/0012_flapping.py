"""When a problem has begun to fire, since when it flaps, since when all is clear.

The release before leaves all of them empty.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from engine.db.types import Json, UtcDateTime

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("incident", sa.Column("begun_at", Json(), nullable=True))
    op.add_column("incident", sa.Column("flapping_since", UtcDateTime(), nullable=True))
    op.add_column("incident", sa.Column("cleared_at", UtcDateTime(), nullable=True))

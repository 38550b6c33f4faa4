"""Since when an incident is sealed, and who is invited.

The release before leaves both empty, and would show to everybody what is sealed: let no replica of it go on.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from engine.db.types import Json, UtcDateTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("incident", sa.Column("sealed_at", UtcDateTime(), nullable=True))
    op.add_column("incident", sa.Column("invited", Json(), nullable=True))

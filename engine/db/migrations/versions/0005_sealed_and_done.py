"""Since when an incident is sealed, and who is invited; when an agreed action was done, and by whom.

The release before leaves all of it empty, and would show to everybody what is sealed: let no replica of it go on.
"""

from __future__ import annotations

from typing import Any

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
    op.add_column("action_item", sa.Column("done_at", UtcDateTime(), nullable=True))
    op.add_column("action_item", sa.Column("done_by", sa.String(), nullable=True))
    op.create_index("ix_action_item_open", "action_item", ["owner", "due_on"], **_only(sa.text("done_at IS NULL")))


def _only(condition: sa.TextClause) -> dict[str, Any]:
    return {"sqlite_where": condition, "postgresql_where": condition}

"""Which integration sent an alert: those of several may be in one incident.

The release before leaves it empty; such an alert is its incident's source's.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("alert", sa.Column("source", sa.String(), nullable=True))

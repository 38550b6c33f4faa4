"""A row for each probe that is run. The release before has none and runs none."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from engine.db.types import Json, UtcDateTime

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "probe",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("terms", sa.String(), nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=False),
        sa.Column("readings", Json(), nullable=False),
        sa.Column("failing_since", UtcDateTime(), nullable=True),
        sa.Column("firing_since", UtcDateTime(), nullable=True),
        sa.Column("told_at", UtcDateTime(), nullable=True),
        sa.Column("told_level", sa.String(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_index("ix_probe_due_at", "probe", ["due_at"])

"""Alerts that wait. The release before has none of them: what it mutes is heard again when its sender repeats it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from engine.db.types import Json, UtcDateTime

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "held_alert",
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("via", sa.String(), nullable=False),
        sa.Column("sender", sa.String(), nullable=False),
        sa.Column("service", sa.String(), nullable=True),
        sa.Column("alert", Json(), nullable=False),
        sa.Column("rule", sa.String(), nullable=False),
        sa.Column("incident_id", sa.Integer(), nullable=True),
        sa.Column("first_at", UtcDateTime(), nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["incident_id"], ["incident.id"]),
        sa.PrimaryKeyConstraint("source", "fingerprint"),
    )
    op.create_index("ix_held_alert_due_at", "held_alert", ["due_at"])
    op.create_index("ix_held_alert_rule", "held_alert", ["rule"])
    op.create_index("ix_held_alert_incident_id", "held_alert", ["incident_id"])

"""What an alert mutes is found by the alert, too."""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_inhibitor_alert_id", "inhibitor", ["alert_id"])

"""What senders send is kept for a while. The release before keeps nothing, and can run beside this one."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from engine.db.types import Json, UtcDateTime

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "raw_request",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=True),
        sa.Column("integration", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("received_at", UtcDateTime(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("weight", sa.Integer(), nullable=False),
        sa.Column("cut", sa.Boolean(), nullable=False),
        sa.Column("problem", sa.String(), nullable=True),
        sa.Column("headers", Json(), nullable=False),
        sa.Column("outcomes", Json(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_raw_request_integration", "raw_request", ["integration", "id"])
    wrong = sa.text("problem IS NOT NULL")
    op.create_index("ix_raw_request_problem", "raw_request", ["id"], sqlite_where=wrong, postgresql_where=wrong)
    op.create_index("ix_raw_request_received_at", "raw_request", ["received_at", "weight"])

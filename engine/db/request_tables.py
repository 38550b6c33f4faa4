"""The table of raw requests. It is among those of `engine.db.tables`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Column, Index, Integer, text
from sqlmodel import Field, SQLModel

from engine.db.columns import json, when

WRONG = text("problem IS NOT NULL")
NUMBER = BigInteger().with_variant(Integer(), "sqlite")


class RawRequestRow(SQLModel, table=True):
    """What a sender with a valid key has sent, and what it was answered. `body` is compressed; `size` is that of the
    body as it came, `weight` what the row takes up. No number is given twice: people write them down."""

    __tablename__ = "raw_request"
    __table_args__ = (
        Index("ix_raw_request_integration", "integration", "id"),
        Index("ix_raw_request_problem", "id", sqlite_where=WRONG, postgresql_where=WRONG),
        # Both what is too old and what is too much are found without a look at the bodies.
        Index("ix_raw_request_received_at", "received_at", "weight"),
        {"sqlite_autoincrement": True},
    )

    id: int | None = Field(default=None, sa_column=Column(NUMBER, primary_key=True, autoincrement=True))
    integration: str
    source: str
    received_at: datetime = when()
    status: int
    size: int
    weight: int
    cut: bool
    problem: str | None
    headers: Any = json()
    outcomes: Any = json()
    body: bytes


metadata = SQLModel.metadata

raw_requests = metadata.tables["raw_request"]

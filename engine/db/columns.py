"""What the columns of tables are made of."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text
from sqlmodel import Field

from engine.db.types import Json, UtcDateTime


def one_of(column: str, values: tuple[str, ...]) -> Any:
    return text(f"{column} IN ({', '.join(repr(str(value)) for value in values)})")


def when(*, nullable: bool = False) -> Any:
    return Field(default=None, sa_type=UtcDateTime, nullable=nullable)


def json(*, nullable: bool = False) -> Any:
    return Field(default=None, sa_type=Json, nullable=nullable)

"""The tables of what keeps alerts from people. They are among those of `engine.db.tables`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, text
from sqlmodel import Field, SQLModel

from engine.db.columns import json, when
from engine.db.types import UtcDateTime

LASTING = text("expired_at IS NULL")


class SilenceRow(SQLModel, table=True):
    """A silence. Its early end is all that ever changes, and none is deleted."""

    __tablename__ = "silence"
    __table_args__ = (Index("ix_silence_live", "ends_at", sqlite_where=LASTING, postgresql_where=LASTING),)

    id: int | None = Field(default=None, primary_key=True)
    matchers: Any = json()
    starts_at: datetime = when()
    ends_at: datetime = when()
    recurrence: Any = json(nullable=True)
    author: str
    reason: str
    created_at: datetime = when()
    expired_at: datetime | None = when(nullable=True)
    expired_by: str | None


class MutingRow(SQLModel, table=True):
    """What a silence, a window or an inhibition of one incident has kept from people so far. `kept`: of how many
    different alerts there is a row."""

    __tablename__ = "muting"

    rule: str = Field(primary_key=True)
    incident_id: int | None = Field(foreign_key="incident.id", index=True)
    count: int
    kept: int
    first_at: datetime = when()
    last_at: datetime = when()


class MutedAlertRow(SQLModel, table=True):
    """One alert that was muted, by the rule that muted it; repeats are counted here."""

    __tablename__ = "muted_alert"

    rule: str = Field(primary_key=True, foreign_key="muting.rule")
    source: str = Field(primary_key=True)
    fingerprint: str = Field(primary_key=True)
    title: str
    service: str
    labels: Any = json()
    first_at: datetime = when()
    last_at: datetime = when()
    count: int


class InhibitorRow(SQLModel, table=True):
    """An alert that mutes others while it fires in an active incident. `key` stands for the rule and for what both have
    alike; `both_sides`: the rule could mute this alert as well."""

    __tablename__ = "inhibitor"

    key: str = Field(primary_key=True)
    alert_id: int = Field(primary_key=True, foreign_key="alert.id", index=True)
    both_sides: bool


class HeldAlertRow(SQLModel, table=True):
    """An alert that fires and that nobody is told of before `due_at`. `via` and `sender` are its source's name and
    title, `service` is that of its integration; `incident_id` is of what keeps it, where that is an incident."""

    __tablename__ = "held_alert"

    source: str = Field(primary_key=True)
    fingerprint: str = Field(primary_key=True)
    via: str
    sender: str
    service: str | None
    alert: Any = json()
    rule: str = Field(index=True)
    incident_id: int | None = Field(foreign_key="incident.id", index=True)
    first_at: datetime = when()
    due_at: datetime = Field(sa_type=UtcDateTime, index=True)


metadata = SQLModel.metadata

silences = metadata.tables["silence"]
mutings = metadata.tables["muting"]
muted_alerts = metadata.tables["muted_alert"]
inhibitors = metadata.tables["inhibitor"]
held_alerts = metadata.tables["held_alert"]

"""Every table. Statements use the Core tables at the bottom; the classes give the columns their types."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Column, Index, Table, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from engine.core.model import ACTIVE_STATES, OPEN_STATES
from engine.db import mute_tables, request_tables
from engine.db.columns import json, one_of, when
from engine.db.types import UtcDateTime

ACTIVE = one_of("state", ACTIVE_STATES)
OPEN = one_of("state", OPEN_STATES)
PENDING = text("state = 'pending'")
SEALED = text("sealed_at IS NOT NULL")


class IncidentRow(SQLModel, table=True):
    """One incident. `key` is unique among active incidents, so two alerts of one problem can't open two."""

    __tablename__ = "incident"
    __table_args__ = (
        Index("ux_incident_active_key", "key", unique=True, sqlite_where=ACTIVE, postgresql_where=ACTIVE),
        Index("ix_incident_open", "id", sqlite_where=OPEN, postgresql_where=OPEN),
        Index("ix_incident_sealed", "id", sqlite_where=SEALED, postgresql_where=SEALED),
        Index("ix_incident_key", "key", "id"),
        Index("ix_incident_service", "service", "id"),
        Index("ix_incident_priority", "priority", "id"),
        Index("ix_incident_state", "state", "id"),
    )

    id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    key: str
    title: str
    summary: str
    service: str
    source: str
    group: str
    policy: str
    revision: int
    playbook: str | None
    priority: str
    state: str
    classification: Any = json()
    overridden: bool
    level: int
    generation: int
    cycle: int
    version: int
    opened_at: datetime = when()
    cycle_started_at: datetime = when()
    counted_from: datetime = when()
    updated_at: datetime = when()
    reopened_at: datetime | None = when(nullable=True)
    level_caps: Any = json()
    acknowledged_at: datetime | None = when(nullable=True)
    acknowledged_by: str | None
    lease_owner: str | None
    commander: str | None
    duties: Any = json(nullable=True)
    lease_until: datetime | None = when(nullable=True)
    lease_asked_at: datetime | None = when(nullable=True)
    declined: Any = json(nullable=True)
    sealed_at: datetime | None = when(nullable=True)
    invited: Any = json(nullable=True)
    room_at: datetime | None = when(nullable=True)
    status: str | None
    status_at: datetime | None = when(nullable=True)
    update_due_at: datetime | None = when(nullable=True)
    hold_until: datetime | None = when(nullable=True)
    hold_by: str | None
    hold_reason: str | None
    priority_confirmed: bool
    impact: str | None
    cause: str | None
    mitigation: str | None
    validation: str | None
    lessons: str | None
    restored_at: datetime | None = when(nullable=True)
    resolved_at: datetime | None = when(nullable=True)
    review_due_at: datetime | None = when(nullable=True)
    closed_at: datetime | None = when(nullable=True)
    merged_into: int | None
    previous: int | None
    begun_at: Any = json(nullable=True)
    flapping_since: datetime | None = when(nullable=True)
    cleared_at: datetime | None = when(nullable=True)
    timeline_seq: int
    timeline_hash: str


class KeyAliasRow(SQLModel, table=True):
    """The key of a merged incident goes on leading to the incident it was merged into."""

    __tablename__ = "key_alias"

    key: str = Field(primary_key=True)
    incident_id: int = Field(foreign_key="incident.id", index=True)


class AlertRow(SQLModel, table=True):
    """One alert of one incident; repeats are counted here."""

    __tablename__ = "alert"
    __table_args__ = (
        UniqueConstraint("incident_id", "fingerprint", name="ux_alert_incident_fingerprint"),
        Index(
            "ix_alert_firing",
            "fingerprint",
            sqlite_where=text("status = 'firing'"),
            postgresql_where=text("status = 'firing'"),
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    incident_id: int = Field(foreign_key="incident.id")
    fingerprint: str
    status: str
    title: str
    summary: str
    service: str | None
    group: str
    labels: Any = json()
    annotations: Any = json()
    values: Any = json()
    links: Any = json()
    starts_at: datetime | None = when(nullable=True)
    ends_at: datetime | None = when(nullable=True)
    first_seen_at: datetime = when()
    last_seen_at: datetime = when()
    count: int
    source: str | None


class EventRow(SQLModel, table=True):
    """One line of a timeline. Only ever inserted."""

    __tablename__ = "timeline_event"

    incident_id: int = Field(primary_key=True, foreign_key="incident.id")
    seq: int = Field(primary_key=True)
    at: datetime = when()
    kind: str
    actor: str
    reason: str
    data: Any = json()
    prev_hash: str
    hash: str


class TimerRow(SQLModel, table=True):
    __tablename__ = "timer"
    __table_args__ = (
        UniqueConstraint("incident_id", "key", name="ux_timer_incident_key"),
        Index("ix_timer_due", "due_at", sqlite_where=PENDING, postgresql_where=PENDING),
    )

    id: int | None = Field(default=None, primary_key=True)
    incident_id: int = Field(foreign_key="incident.id")
    key: str
    kind: str
    level: int
    due_at: datetime = when()
    until: str
    state: str
    reason: str
    created_at: datetime = when()
    done_at: datetime | None = when(nullable=True)


class OutboxRow(SQLModel, table=True):
    """One message on one channel. `next_at` is when to try; `update_at`, on a sent one, when to bring it up to date."""

    __tablename__ = "outbox"
    __table_args__ = (
        Index("ix_outbox_pending", "priority", "next_at", sqlite_where=PENDING, postgresql_where=PENDING),
        Index(
            "ix_outbox_claimed",
            "claimed_until",
            sqlite_where=text("claimed_until IS NOT NULL"),
            postgresql_where=text("claimed_until IS NOT NULL"),
        ),
        Index(
            "ix_outbox_update",
            "update_at",
            sqlite_where=text("update_at IS NOT NULL"),
            postgresql_where=text("update_at IS NOT NULL"),
        ),
        Index("ix_outbox_incident", "incident_id"),
        Index(
            "ix_outbox_sent_as",
            "sent_as",
            sqlite_where=text("sent_as IS NOT NULL"),
            postgresql_where=text("sent_as IS NOT NULL"),
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    incident_id: int = Field(foreign_key="incident.id")
    kind: str
    channel: str
    address: str
    reason: str
    contact: str | None
    page: str | None
    level: int
    level_title: str
    seat: str | None
    until: str
    respond_by: datetime | None = when(nullable=True)
    deadline_at: datetime = when()
    priority: int
    state: str
    attempts: int
    next_at: datetime = when()
    created_at: datetime = when()
    claimed_by: str | None
    claimed_until: datetime | None = when(nullable=True)
    maybe_sent: bool
    sent_at: datetime | None = when(nullable=True)
    error: str
    receipt: Any = json(nullable=True)
    updatable: bool
    update_at: datetime | None = when(nullable=True)
    shown_version: int
    sent_as: str | None = None


class PlaybookRow(SQLModel, table=True):
    """A playbook as it was when incidents got it. `id` is its name and the start of its hash; rows never change."""

    __tablename__ = "playbook_version"

    id: str = Field(primary_key=True)
    document: str


class TickRow(SQLModel, table=True):
    """A playbook step that someone ticked off on an incident."""

    __tablename__ = "playbook_tick"

    incident_id: int = Field(primary_key=True, foreign_key="incident.id")
    step: str = Field(primary_key=True)
    done_at: datetime | None = when(nullable=True)
    done_by: str | None
    note: str | None


class ActionItemRow(SQLModel, table=True):
    """An agreed improvement; named again it has another row, and the newest counts."""

    __tablename__ = "action_item"
    __table_args__ = (
        Index(
            "ix_action_item_open",
            "owner",
            "due_on",
            sqlite_where=text("done_at IS NULL"),
            postgresql_where=text("done_at IS NULL"),
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    incident_id: int = Field(foreign_key="incident.id", index=True)
    what: str
    owner: str | None
    due_on: str | None
    created_at: datetime = when()
    done_at: datetime | None = when(nullable=True)
    done_by: str | None


class RevisionRow(SQLModel, table=True):
    """An applied configuration, never changed."""

    __tablename__ = "config_revision"

    id: int | None = Field(default=None, primary_key=True)
    applied_at: datetime = when()
    applied_by: str
    digest: str
    document: str


class TokenRow(SQLModel, table=True):
    """An API token; only its hash is kept."""

    __tablename__ = "api_token"

    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True)
    role: str
    contact: str | None
    digest: str = Field(unique=True)
    created_at: datetime = when()
    revoked_at: datetime | None = when(nullable=True)


class AnswerRow(SQLModel, table=True):
    """What a command with an Idempotency-Key was answered, so that its repeat gets the same."""

    __tablename__ = "idempotent_answer"

    caller: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    request: str
    status: int
    body: str
    created_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False, index=True))


class ReportRow(SQLModel, table=True):
    """The report as it stood when the incident was closed."""

    __tablename__ = "frozen_report"

    incident_id: int = Field(primary_key=True, foreign_key="incident.id")
    generation: int = Field(primary_key=True)
    created_at: datetime = when()
    document: str


class OccurrenceRow(SQLModel, table=True):
    """One occurrence of work on a schedule, claimed by the engine that does it."""

    __tablename__ = "occurrence"

    name: str = Field(primary_key=True)
    at: datetime = Field(sa_column=Column(UtcDateTime, primary_key=True))
    claimed_at: datetime = when()


class HeartbeatRow(SQLModel, table=True):
    """What is known of one heartbeat that the configuration waits for. `due_at` is when the engine has to look."""

    __tablename__ = "heartbeat"

    name: str = Field(primary_key=True)
    state: str
    terms: str
    since: datetime = when()
    due_at: datetime = when()
    beat_at: datetime | None = when(nullable=True)
    started_at: datetime | None = when(nullable=True)
    failed_at: datetime | None = when(nullable=True)
    excerpt: str
    exit_code: int | None
    excused_since: datetime | None = when(nullable=True)
    excused_until: datetime | None = when(nullable=True)
    version: int


class ProbeRow(SQLModel, table=True):
    """What is known of one probe. Whoever moves `due_at` runs it."""

    __tablename__ = "probe"

    name: str = Field(primary_key=True)
    terms: str
    due_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False, index=True))
    readings: Any = json()
    failing_since: datetime | None = when(nullable=True)
    firing_since: datetime | None = when(nullable=True)
    told_at: datetime | None = when(nullable=True)
    told_level: str | None
    version: int


class SettingRow(SQLModel, table=True):
    """What the installation knows about itself: its secret, its last tick."""

    __tablename__ = "setting"

    name: str = Field(primary_key=True)
    value: str


# One collection for all modules; what keeps alerts from people, and what senders sent, have tables of their own.
metadata = mute_tables.metadata
raw_requests = request_tables.raw_requests


def _table(name: str) -> Table:
    return metadata.tables[name]


incidents = _table("incident")
key_aliases = _table("key_alias")
alerts = _table("alert")
events = _table("timeline_event")
timers = _table("timer")
outbox = _table("outbox")
playbooks = _table("playbook_version")
ticks = _table("playbook_tick")
action_items = _table("action_item")
revisions = _table("config_revision")
tokens = _table("api_token")
answers = _table("idempotent_answer")
reports = _table("frozen_report")
occurrences = _table("occurrence")
heartbeats = _table("heartbeat")
probes = _table("probe")
settings = _table("setting")

"""What a report is made of: everything on record about one incident, gathered before anything is computed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from engine.core.model import ActionItem, Delivery, Incident, PlaybookStep, RecordedAlert, RecordedEvent
from engine.core.policy import Level, Policy


class Relation(StrEnum):
    PREVIOUS = "previous"  # the same problem, closed before this one was opened
    NEXT = "next"  # the same problem, come back after this one was closed
    MERGED_INTO = "merged_into"
    ABSORBED = "absorbed"  # it was merged into this one


@dataclass(frozen=True, kw_only=True, slots=True)
class Related:
    """Another incident. `url` is where the reader can open it."""

    relation: Relation
    id: int
    title: str = ""
    url: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """`events` is the whole timeline in order. `policy` and `levels` are those of the revision that the incident was
    opened under. `response_due_at` is the due time of the response now awaited, where the engine has planned one.
    `zone` is the reader's time zone. `frozen`: the incident is closed and this is its final report."""

    incident: Incident
    alerts: tuple[RecordedAlert, ...] = ()
    events: tuple[RecordedEvent, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    steps: tuple[PlaybookStep, ...] = ()
    actions: tuple[ActionItem, ...] = ()
    people: Mapping[str, str] = field(default_factory=dict)
    policy: Policy
    levels: Mapping[str, Level] = field(default_factory=dict)
    related: tuple[Related, ...] = ()
    playbook_title: str = ""
    response_due_at: datetime | None = None
    generated_at: datetime
    zone: str = "UTC"
    engine_version: str = ""
    frozen: bool = False

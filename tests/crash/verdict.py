"""What arrived compared with what is on record. Knows the standard and the rows, and none of the engine's rules."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, select

from engine.db.tables import alerts, events, incidents, outbox
from integrations.channels.wording import REPEATED
from integrations.sandbox.slack_values import Change
from tests.crash.story import Told
from tests.scenarios.stage import Outside

MARK = REPEATED.partition(":")[0]
WAKES = ("page", "question")
MESSAGE_ID = re.compile(r"<(INC-\d+)-(\d+)@")
SENT_LINES = ("page.sent", "notice.sent")


@dataclass(frozen=True, kw_only=True, slots=True)
class Copy:
    """One arrival. `delivery`: the engine's name of it, `INC-1/7`."""

    delivery: str
    channel: str
    repeated: bool


def arrived(around: Outside) -> list[Copy]:
    """Everything, in the order of each channel's arrivals; updates in place are none."""
    posts = [one for one in around.slack.workspace.log if one.change is Change.POSTED]
    slack = [
        Copy(
            delivery=str((one.content.metadata or {}).get("event_payload", {}).get("delivery", "?")),
            channel="slack",
            repeated=MARK in str(one.content.blocks),
        )
        for one in posts
    ]
    mails = [
        Copy(
            delivery=MESSAGE_ID.sub(r"\1/\2", str(one.message["Message-ID"])).partition("example.com")[0],
            channel="email",
            repeated=MARK in one.text or MARK.lower() in one.subject.lower(),
        )
        for one in around.mail.messages()
    ]
    return slack + mails


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """The rows as they stand, by table."""

    incidents: dict[str, Any] = field(default_factory=dict)
    alerts: frozenset[tuple[str, str]] = frozenset()
    messages: dict[str, Any] = field(default_factory=dict)
    lines: dict[str, list[Any]] = field(default_factory=dict)


def read_record(connection: Connection) -> Record:
    lines = defaultdict(list)
    for row in connection.execute(select(events).order_by(events.c.incident_id, events.c.seq)):
        lines[f"INC-{row.incident_id}"].append(row)
    return Record(
        incidents={f"INC-{row.id}": row for row in connection.execute(select(incidents))},
        alerts=frozenset(
            (row.labels["alertname"], f"INC-{row.incident_id}") for row in connection.execute(select(alerts))
        ),
        messages={f"INC-{row.incident_id}/{row.id}": row for row in connection.execute(select(outbox))},
        lines=dict(lines),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """`faults`: sentences, empty for a good run. `missed`, `doubled`: deliveries; a doubled one that is `unmarked` is a
    fault, and so is one that came three times."""

    faults: tuple[str, ...]
    missed: tuple[str, ...] = ()
    doubled: tuple[str, ...] = ()
    unmarked: tuple[str, ...] = ()
    after_resolve: tuple[str, ...] = ()


@dataclass(kw_only=True)
class Hearing:
    """All that is known of one run. `before`: how the record stood when the killed engine's successor was started, and
    `early`: how much had arrived by then. None where nobody was killed. `most`: how often one message may come."""

    told: Told
    record: Record = field(default_factory=Record)
    copies: Sequence[Copy] = ()
    before: Record | None = None
    early: Collection[Copy] = ()
    most: int = 2
    faults: list[str] = field(default_factory=list)


def judge(hearing: Hearing) -> Verdict:
    by_delivery: dict[str, list[Copy]] = defaultdict(list)
    for copy in hearing.copies:
        by_delivery[copy.delivery].append(copy)
    missed = tuple(_missed(hearing, by_delivery))
    doubled = tuple(name for name, copies in by_delivery.items() if len(copies) > 1)
    unmarked = tuple(name for name in doubled if not _is_marked(hearing.record, name, by_delivery[name]))
    late = tuple(_after_resolve(hearing))
    faults = [
        *hearing.faults,
        *_promises(hearing),
        *(f"missed: {one}" for one in missed),
        *(f"doubled without a mark: {one}" for one in unmarked),
        *(f"came {len(copies)} times: {name}" for name, copies in by_delivery.items() if len(copies) > hearing.most),
        *(f"not on record: {name}" for name in by_delivery if name not in hearing.record.messages),
        *(f"after a durable resolve: {one}" for one in late),
    ]
    return Verdict(faults=tuple(faults), missed=missed, doubled=doubled, unmarked=unmarked, after_resolve=late)


def _missed(hearing: Hearing, copies: dict[str, list[Copy]]) -> Iterator[str]:
    """Said to be sent and not there; still waiting after all is over; ended in silence; or never even wanted."""
    record = hearing.record
    for name, row in record.messages.items():
        there = name in copies or row.sent_as in copies  # by itself, or in one message with others
        if row.state == "sent" and row.channel != "log" and not there:
            yield f"{name} ({row.kind} to {row.contact or row.address} by {row.channel}) counts as sent"
        elif row.state in ("pending", "claimed"):
            yield f"{name} ({row.kind} to {row.contact or row.address}) still waits"
        elif row.state in ("failed", "cancelled") and not _says(record, name, f"page.{row.state}"):
            yield f"{name} {row.state} without a line"
    for name, incident in hearing.told.accepted.items():
        pages = [row for row in record.messages.values() if f"INC-{row.incident_id}" == incident and row.kind == "page"]
        if not pages:
            yield f"{name} ({incident}) was accepted and paged nobody"


def _says(record: Record, name: str, kind: str) -> bool:
    """A withdrawn page is told by its page, channel and person, one that was tried also by its delivery."""
    row = record.messages[name]
    wanted = (row.page, row.channel, row.contact)
    return any(
        line.kind == kind and (line.data.get("page"), line.data.get("channel"), line.data.get("contact")) == wanted
        for line in record.lines.get(f"INC-{row.incident_id}", ())
    )


def _is_marked(record: Record, name: str, copies: Sequence[Copy]) -> bool:
    """On the wire all copies but the first bear the mark, and the timeline says the same."""
    lines = record.lines.get(name.partition("/")[0], ())
    said = any(
        line.kind in SENT_LINES
        and f"INC-{line.incident_id}/{line.data.get('delivery')}" == name
        and line.data["repeated"]
        for line in lines
    )
    return said and all(copy.repeated for copy in copies[1:])


def _after_resolve(hearing: Hearing) -> Iterator[str]:
    """Nothing that wakes people starts on its way once a resolve, or an acknowledgement of level 1, is durable."""
    before = hearing.before
    if before is None:
        return
    for copy in _late(hearing):
        row = hearing.record.messages.get(copy.delivery)
        incident = before.incidents.get(copy.delivery.partition("/")[0])
        if row is None or incident is None or row.kind not in WAKES:
            continue
        stopped = row.until == "acknowledged" and incident.acknowledged_at and copy.delivery in before.messages
        if incident.resolved_at or (stopped and row.kind == "page"):
            yield copy.delivery


def _late(hearing: Hearing) -> Iterator[Copy]:
    left = list(hearing.early)
    for copy in hearing.copies:
        if copy in left:
            left.remove(copy)
        else:
            yield copy


def _promises(hearing: Hearing) -> Iterator[str]:
    """What somebody was told is so."""
    told, record = hearing.told, hearing.record
    for name, incident in told.accepted.items():
        if (name, incident) not in record.alerts:
            yield f"{name} was accepted and is not on record"
    for incident in told.acknowledged:
        if not record.incidents[incident].acknowledged_by and not _has(record, incident, "acknowledged"):
            yield f"{incident} was acknowledged and is not"
    for incident in told.resolved:
        if not record.incidents[incident].resolved_at:
            yield f"{incident} was resolved and is not"


def _has(record: Record, incident: str, kind: str) -> bool:
    return any(line.kind.endswith(kind) for line in record.lines.get(incident, ()))

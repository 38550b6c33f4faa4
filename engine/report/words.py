"""How times, spans, people and the kinds of lines are said in a report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from engine.core.errors import ReportError
from engine.core.model import Priority, State
from engine.core.timeline import Kind
from engine.report.text import fold, shorten

MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)

URGENCY = {Priority.P0: "critical", Priority.P1: "high", Priority.P2: "medium", Priority.P3: "low"}

STATES = {
    State.DETECTION: "Active, in detection",
    State.ASSESSMENT: "Active, in assessment",
    State.DIAGNOSIS: "Active, in diagnosis",
    State.RESOLUTION: "Active, in resolution",
    State.REVIEW: "Resolved, in review",
    State.CLOSED: "Closed",
    State.CANCELLED: "Cancelled",
    State.MERGED: "Merged",
}

KINDS = {
    Kind.OPENED: "Incident opened",
    Kind.CLASSIFIED: "Classified",
    Kind.ALERT_JOINED: "Alert joined",
    Kind.ALERT_RESOLVED: "Alert cleared",
    Kind.ALERT_INHIBITED: "Another alert muted by this incident",
    Kind.ALERTS_CLEARED: "All alerts cleared",
    Kind.FLAPPING: "It comes and goes",
    Kind.PAGE_DECIDED: "Page decided",
    Kind.PAGE_SENT: "Page sent",
    Kind.PAGE_FAILED: "Page failed",
    Kind.PAGE_RETRIED: "Page tried again",
    Kind.PAGE_CANCELLED: "Page cancelled",
    Kind.NOTICE_SENT: "Notice sent",
    Kind.LEVEL_UNREACHABLE: "Level unreachable",
    Kind.EXHAUSTED: "Nobody left to page",
    Kind.ESCALATED: "Escalated",
    Kind.SUPERSEDED: "Escalation superseded",
    Kind.RESPONSE_BREACHED: "Response target missed",
    Kind.ACKNOWLEDGED: "Acknowledged",
    Kind.UNACKNOWLEDGED: "Acknowledgement ended",
    Kind.LEASE_ASKED: "Owner asked: still on it?",
    Kind.LEASE_RENEWED: "Owner is still on it",
    Kind.DECLINED: "Passed on",
    Kind.HELD: "Escalation held",
    Kind.ROOM_ASKED: "War room asked for",
    Kind.STATUS_UPDATED: "Status update",
    Kind.UPDATE_DUE: "Status update due",
    Kind.UPDATE_SNOOZED: "Status update put off",
    Kind.PHASE: "Phase entered",
    Kind.PHASE_SKIPPED: "Phase skipped",
    Kind.DOCUMENTED: "Findings written down",
    Kind.RESOLVED: "Resolved",
    Kind.REOPENED: "Reopened",
    Kind.CLOSED: "Closed",
    Kind.CANCELLED: "Cancelled",
    Kind.MERGED: "Merged into another incident",
    Kind.ABSORBED: "Another incident merged in",
    Kind.REPRIORITIZED: "Priority changed",
    Kind.ASSIGNED: "Handed over",
    Kind.SEALED: "Sealed",
    Kind.UNSEALED: "Unsealed",
    Kind.INVITED: "Let in",
    Kind.ACTION_DONE: "Action done",
    Kind.OVERRIDDEN: "Rule overridden",
    Kind.NOTE: "Note",
    Kind.PLAYBOOK_ATTACHED: "Playbook attached",
    Kind.STEP_TICKED: "Playbook step",
    Kind.REPORT_DRAFTED: "Report drafted",
    Kind.REPORT_FROZEN: "Report frozen",
    Kind.REVIEW_OVERDUE: "Review overdue",
    Kind.POISONED: "Set aside by the engine",
}

NAME_LIMIT = 80

UNITS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


def kind_title(kind: str) -> str:
    """A kind that this version does not know is shown by its name."""
    return KINDS[Kind(kind)] if kind in KINDS else kind


def span(seconds: float) -> str:
    """Whole seconds that have passed, two units at most: `31 min 5 s`, `1 h 14 min`, `2 d`."""
    if 0 < seconds < 1:
        return "under 1 s"
    rest = int(abs(seconds))
    parts: list[str] = []
    for unit, size in UNITS:
        count, rest = divmod(rest, size)
        if count or parts:
            parts.append(f"{count} {unit}" if count else "")
        if len(parts) == 2:  # noqa: PLR2004 - two units, as the docstring says
            break
    return " ".join(part for part in parts if part) or "0 s"


def count(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def name(text: str) -> str:
    """A name as it fits into a sentence: on one line, a long one cut."""
    return shorten(fold(text), NAME_LIMIT)


def listing(items: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join([", ".join(items[:-1]), items[-1]]) if len(items) > 1 else "".join(items)


def read_zone(name: str) -> ZoneInfo:
    """Raises ReportError for a name that is no time zone."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ReportError(f"{name[:60]!r} is not a time zone; write it like Europe/Berlin or UTC") from error


@dataclass(frozen=True, kw_only=True, slots=True)
class Stamps:
    """Times as the reader's wall clock showed them, each with the zone's abbreviation: the hour that daylight saving
    repeats would be ambiguous without it."""

    zone: tzinfo = UTC

    def full(self, at: datetime | None) -> str:
        """`2026-11-20 03:10:05 CET`; nothing for None."""
        if at is None:
            return ""
        local = self._local(at)
        return f"{local:%H:%M:%S}".join((local.date().isoformat() + " ", f" {local.tzname()}"))

    def day(self, at: datetime) -> str:
        """`20 November 2026`."""
        local = self._local(at)
        return f"{local.day} {MONTHS[local.month - 1]} {local.year}"

    def minute(self, at: datetime) -> str:
        """`03:10 CET`."""
        local = self._local(at)
        return f"{local:%H:%M} {local.tzname()}"

    def _local(self, at: datetime) -> datetime:
        try:
            return at.astimezone(self.zone)
        except OverflowError:  # year 1, as Go's zero time, west of Greenwich
            return at.astimezone(UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class Names:
    """Who is who: a contact's id → the name to show."""

    people: Mapping[str, str] = field(default_factory=dict)

    def person(self, contact: str | None) -> str:
        return name(self.people.get(contact, contact)) if contact else ""

    def actor(self, actor: str) -> str:
        """`person:ops-lead via slack` → `Olu Adeyemi (slack)`."""
        via = actor.partition(" via ")[2]
        return f"{self.who(actor)} ({name(via)})" if via else self.who(actor)

    def who(self, actor: str) -> str:
        """The same without the way that was used."""
        who = actor.partition(" via ")[0]
        kind, _, called = who.partition(":")
        return {
            "person": self.person(called),
            "token": f"API token {name(called)}",
            "source": f"{name(called)} (source)",
            "timer": f"{name(called)} timer",
            "system": "Tocsin",
        }.get(kind, name(who))

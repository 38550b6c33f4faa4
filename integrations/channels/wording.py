"""The words that all channels share: times in the reader's zone, the ladder, what is expected of the reader. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from engine.core.model import Alert, AlertStatus, Incident, Message, MessageKind, State, Until
from engine.core.spans import spell
from engine.ports import Envelope, Rung, Tried
from integrations.channels.foreign import one_line, web_address

REPEATED = "Repeated: an earlier copy may have reached you."
SEVERITIES = ("critical", "page", "error", "high", "warning")
SECOND, MINUTE, HOUR, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def show_time(at: datetime, *, zone: str, now: datetime) -> str:
    """`03:30`; with the date on another day of the reader's, with the zone where its clocks change between."""
    local, here = at.astimezone(ZoneInfo(zone)), now.astimezone(ZoneInfo(zone))
    shown = f"{local:%H:%M}"
    if local.date() != here.date():
        year = f" {local.year}" if local.year != here.year else ""
        shown = f"{local:%a} {local.day} {local:%b}{year}, {shown}"
    return shown if local.tzname() == here.tzname() else f"{shown} {zone_name(zone, at)}"


def when(envelope: Envelope, at: datetime) -> str:
    """`show_time` for the reader of this message."""
    return show_time(at, zone=envelope.zone, now=envelope.now)


def zone_name(zone: str, at: datetime) -> str:
    """`CET`; `UTC+03` for a zone that has no letters."""
    name = at.astimezone(ZoneInfo(zone)).tzname() or zone
    return f"UTC{name}" if name[0] in "+-" else name


def zone_note(envelope: Envelope) -> str:
    """Said once per message, so that the times themselves stay short."""
    name = zone_name(envelope.zone, envelope.now)
    return f"Times are in {name}." if name == envelope.zone else f"Times are in {name} ({envelope.zone})."


def show_span(span: timedelta) -> str:
    """`45 s`, `3 min`, `1 h 30 min`, `2 d 3 h`: no finer than it matters."""
    span = abs(span)
    grain = SECOND if span < MINUTE else MINUTE if span < DAY else HOUR
    return spell(round(span / grain) * grain)


def relative(at: datetime, *, now: datetime) -> str:
    """`in 5 min`, `12 min ago`, `now`."""
    if abs(at - now) < SECOND:
        return "now"
    return f"in {show_span(at - now)}" if at > now else f"{show_span(now - at)} ago"


def after(span: timedelta) -> str:
    """In what has passed, as the record says it: an answer after 4 min 59 s was not one after 5 min."""
    grain = SECOND if span < MINUTE else MINUTE if span < DAY else HOUR
    return f"after {spell(span // grain * grain)}"


def late_by(span: timedelta) -> str:
    return f"late by {show_span(span)}"


def marks(envelope: Envelope) -> tuple[str, ...]:
    """What the reader has to know about this copy: that it is repeated, that it is late."""
    repeated = (REPEATED,) if envelope.repeated else ()
    if not envelope.late_by:
        return repeated
    due = when(envelope, envelope.now - envelope.late_by)
    return (*repeated, late_note(envelope, envelope.late_by, due))


def late_note(envelope: Envelope, span: timedelta, due: str) -> str:
    """`due`: the time as the channel writes it."""
    which = "The one of these that has waited longest" if envelope.bundle else "This"
    return f"{which} is {late_by(span)}: it was due at {due}."


def place(message: Message) -> str:
    """Who the reader is in the ladder: `primary, Operations, level 1`; empty outside of it."""
    if not message.level:
        return ""
    title = one_line(message.level_title, 60)
    return ", ".join(part for part in (message.seat, title, f"level {message.level}") if part)


def person(envelope: Envelope, contact: str | None) -> str:
    """The name for a contact's id."""
    return one_line(envelope.people.get(contact, contact), 120) if contact else "nobody"


def since(envelope: Envelope) -> str:
    """`03:30 (12 min ago)`: when the incident was opened."""
    opened = envelope.incident.opened_at
    return f"{when(envelope, opened)} ({relative(opened, now=envelope.now)})"


def acknowledged(envelope: Envelope) -> str:
    """`Ana Silva acknowledged it at 03:33, after 3 min`, or that nobody has."""
    incident = envelope.incident
    if incident.acknowledged_at is None:
        return "Nobody has acknowledged it"
    took = after(incident.acknowledged_at - incident.cycle_started_at)
    at = when(envelope, incident.acknowledged_at)
    return f"{person(envelope, incident.acknowledged_by)} acknowledged it at {at}, {took}"


def expected(envelope: Envelope) -> str:
    """What the reader is asked to do, and by when. Empty for a message that asks for nothing."""
    if not envelope.incident.state.active:
        return f"Nothing is expected of you: {envelope.incident.ref} is {_ended(envelope.incident)}."
    if envelope.bundle and envelope.message.kind is MessageKind.PAGE:
        return f"Acknowledge each of them, the most urgent first{_deadline(envelope)}."
    match envelope.message.kind:
        case MessageKind.PAGE:
            return _page_expects(envelope)
        case MessageKind.QUESTION:
            return f"Are you still on it? Say so{_deadline(envelope)}; otherwise level 1 is paged again."
        case MessageKind.NOTICE:
            return f"Look at it{_deadline(envelope) or ' when you can'}; this message wakes nobody."
        case MessageKind.CARD | MessageKind.LINE | MessageKind.REPORT | MessageKind.ROOM | MessageKind.UPDATE:
            return ""


def _page_expects(envelope: Envelope) -> str:
    if envelope.incident.acknowledged_at is None:
        return f"Acknowledge it{_deadline(envelope) or ' now'}."
    stays = envelope.message.until is Until.RESOLVED
    rest = "this level is paged until it is resolved" if stays else "nothing is expected of you unless they ask"
    return f"{acknowledged(envelope)}; {rest}."


def _deadline(envelope: Envelope) -> str:
    due = envelope.message.respond_by
    if due is None:
        return ""
    shown = when(envelope, due)
    if due <= envelope.now:
        return f" now: it was due at {shown}"
    return f" by {shown} ({relative(due, now=envelope.now)})"


def _ended(incident: Incident) -> str:
    return "resolved and in review" if incident.state is State.REVIEW else incident.state.value


def incident_url(envelope: Envelope) -> str | None:
    """The incident's page in the console; None for an installation that has no address."""
    base = web_address(envelope.base_url)
    return f"{base.rstrip('/')}/incidents/{envelope.incident.ref}" if base else None


def command_line(envelope: Envelope) -> str:
    """The answer for a terminal, in the reader's name."""
    who = f" --as {envelope.message.contact}" if envelope.message.contact else ""
    return f"tocsin incident ack {envelope.incident.ref}{who}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One row of a list: `when` may be empty, `state` is a word or two, `note` says more."""

    what: str
    when: str = ""
    state: str = ""
    note: str = ""

    def __str__(self) -> str:
        head = " ".join(part for part in (self.when, self.what) if part)
        state = f" ({self.state})" if self.state else ""
        return f"{head}{state}" + (f": {self.note}" if self.note else "")


def ladder(envelope: Envelope) -> tuple[Line, ...]:
    """Who is paged and when: `04:00 Level 2, Engineering leadership, Erin Chen (due)`."""
    return tuple(_rung(envelope, rung) for rung in envelope.ladder)


def _rung(envelope: Envelope, rung: Rung) -> Line:
    parts = (f"Level {rung.level}", one_line(rung.title, 80), one_line(rung.who, 120))
    return Line(
        when=when(envelope, rung.due_at) if rung.due_at else "",
        what=", ".join(part for part in parts if part),
        state=one_line(rung.state, 40),
        note=one_line(rung.reason),
    )


def tried(envelope: Envelope, *, most: int = 12) -> tuple[Line, ...]:
    """The latest attempts to reach someone: `03:30 Ana Silva by phone (failed): no answer`."""
    return tuple(_attempt(envelope, attempt) for attempt in envelope.tried[-most:])


def _attempt(envelope: Envelope, attempt: Tried) -> Line:
    return Line(
        when=when(envelope, attempt.at),
        what=f"{one_line(attempt.who, 120)} by {one_line(attempt.channel, 60)}",
        state=one_line(attempt.outcome, 40),
        note=one_line(attempt.detail),
    )


def alerts(envelope: Envelope, *, most: int = 5) -> tuple[Line, ...]:
    """The worst ones: `03:28 Checkout is down on web-3 (firing): 12 of 12 requests failed`."""
    return tuple(_alert(envelope, alert) for alert in worst_first(envelope.alerts)[:most])


def _alert(envelope: Envelope, alert: Alert) -> Line:
    return Line(
        when=when(envelope, alert.starts_at) if alert.starts_at else "",
        what=one_line(alert.title),
        state=alert.status.value,
        note="" if alert.summary == alert.title else one_line(alert.summary),
    )


def alert_count(envelope: Envelope, *, shown: int) -> str:
    """`1 alert`, `3 alerts`, `40 alerts, the worst 5 of them`."""
    count = max(envelope.alert_count, len(envelope.alerts))
    noun = "1 alert" if count == 1 else f"{count} alerts"
    return noun if count <= shown else f"{noun}, the worst {shown} of them"


def worst_first(alerts: Iterable[Alert]) -> list[Alert]:
    """What fires before what is over, the severe before the mild; otherwise in the order given."""

    def mildness(alert: Alert) -> tuple[bool, int]:
        severity = alert.labels.get("severity", "").lower()
        rank = SEVERITIES.index(severity) if severity in SEVERITIES else len(SEVERITIES)
        return alert.status is not AlertStatus.FIRING, rank

    return sorted(alerts, key=mildness)

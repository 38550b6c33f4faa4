"""The particulars of a line of the timeline, in a few words: what its title does not say and its data does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from engine.core.model import MessageKind, RecordedEvent
from engine.core.timeline import Kind
from engine.report.record import moment, number, stamp, text, texts, whole
from engine.report.words import Names, Stamps, count, listing, span


@dataclass(frozen=True, kw_only=True, slots=True)
class Teller:
    """Says what a line holds, to one reader: people by name, times in the reader's zone."""

    names: Names
    stamps: Stamps

    def detail(self, event: RecordedEvent) -> str:
        """Empty where the line has nothing to add to its reason, and for kinds that this version does not know."""
        tell = TELLING.get(event.kind)
        told = tell(self, event) if tell else ""
        return "" if told == event.reason else told

    def who(self, event: RecordedEvent, key: str = "contact") -> str:
        return self.names.person(text(event, key))

    def to(self, event: RecordedEvent) -> str:
        """The person a message goes to, else the address, as a team channel's."""
        return self.who(event) or text(event, "address")

    def time(self, event: RecordedEvent, key: str) -> str:
        return stamp(event, key, self.stamps)


def _joined(*parts: str) -> str:
    return ", ".join(part for part in parts if part)


def _labelled(label: str, value: str) -> str:
    return f"{label} {value}" if value else ""


def _opened(_: Teller, event: RecordedEvent) -> str:
    alerts = whole(event, "alerts")
    held = count(alerts, "alert") if alerts is not None else ""
    return "; ".join(part for part in (_joined(text(event, "priority"), held), text(event, "placed")) if part)


def _classified(_: Teller, event: RecordedEvent) -> str:
    within = number(event, "respond_within_s")
    return _joined(
        text(event, "priority"),
        _labelled("rule", text(event, "rule")),
        _labelled("alert level", text(event, "alert_level")),
        f"response within {span(within)}" if within else "",
    )


def _level(event: RecordedEvent) -> str:
    level = whole(event, "level")
    return " ".join(part for part in (f"level {level}" if level else "", text(event, "level_title")) if part)


def _page_decided(teller: Teller, event: RecordedEvent) -> str:
    return _joined(
        teller.who(event),
        text(event, "seat"),
        _level(event),
        _labelled("by", listing(list(texts(event, "channels")))),
        _labelled("respond by", teller.time(event, "respond_by")),
    )


def _sent(teller: Teller, event: RecordedEvent) -> str:
    attempts = whole(event, "attempts") or 1
    return _joined(
        _message(event),
        teller.to(event),
        _labelled("by", text(event, "channel")),
        _labelled("receipt", text(event, "reference")),
        f"{attempts} tries" if attempts > 1 else "",
        "repeated" if event.data.get("repeated") else "",
    )


def _message(event: RecordedEvent) -> str:
    """What was sent, where it was no page: a card, a question, a notice."""
    kind = text(event, "kind")
    return "" if kind == MessageKind.PAGE else kind


def _failed(teller: Teller, event: RecordedEvent) -> str:
    error = text(event, "error")
    return _joined(
        _message(event),
        teller.to(event),
        _labelled("by", text(event, "channel")),
        "" if error in event.reason else error,
        "trying again can't help" if event.data.get("permanent") else "",
    )


def lateness(late: float | None) -> str:
    if late is None:
        return ""
    return f"{span(late)} late" if late >= 1 else f"{span(late)} early" if late <= -1 else "on time"


def _escalated(teller: Teller, event: RecordedEvent) -> str:
    planned = _labelled("planned for", teller.time(event, "planned_at"))
    return _joined(_level(event), planned, lateness(number(event, "late_s")))


def _breached(teller: Teller, event: RecordedEvent) -> str:
    return _joined(_level(event), _labelled("due", teller.time(event, "due_at")))


def _acknowledged(teller: Teller, event: RecordedEvent) -> str:
    after, due = number(event, "after_s"), moment(event, "response_due_at")
    return _joined(
        _labelled("by", teller.who(event, "by")),
        f"after {span(after)}" if after is not None else "",
        f"due {teller.stamps.full(due)}" if due else "",
    )


def _phase(_: Teller, event: RecordedEvent) -> str:
    return _joined(text(event, "phase"), _labelled("from", text(event, "from")))


def _unreachable(_: Teller, event: RecordedEvent) -> str:
    following = whole(event, "next")
    return _joined(_level(event), f"level {following} is next" if following else "")


def _reprioritized(_: Teller, event: RecordedEvent) -> str:
    before, after = text(event, "from"), text(event, "to")
    return f"{before} → {after}" if before and after else after


def _documented(teller: Teller, event: RecordedEvent) -> str:
    """The findings themselves, or the action that was agreed."""
    found = (_labelled(f"{field}:", text(event, field)) for field in FINDINGS)
    agreed = (
        text(event, "action"),
        _labelled("owner", teller.who(event, "owner")),
        _labelled("due", text(event, "due_on")),
    )
    return "; ".join(part for part in (*found, _joined(*agreed)) if part)


def _resolved(teller: Teller, event: RecordedEvent) -> str:
    return _joined(_labelled("service restored", teller.time(event, "restored_at")), text(event, "validation"))


def _step(_: Teller, event: RecordedEvent) -> str:
    done = event.data.get("done")
    step = " ".join(part for part in (text(event, "number"), text(event, "title") or text(event, "step")) if part)
    return _joined(step, "" if done is None else "done" if done else "not done")


def _note(teller: Teller, event: RecordedEvent) -> str:
    said = text(event, "text")
    return _joined("" if said == event.reason else said, _labelled("happened", teller.time(event, "happened_at")))


FINDINGS = ("impact", "cause", "mitigation", "lessons")

TELLING: dict[str, Callable[[Teller, RecordedEvent], str]] = {
    Kind.OPENED: _opened,
    Kind.CLASSIFIED: _classified,
    Kind.PAGE_DECIDED: _page_decided,
    Kind.PAGE_SENT: _sent,
    Kind.PAGE_FAILED: _failed,
    Kind.PAGE_RETRIED: _failed,
    Kind.PAGE_CANCELLED: _sent,
    Kind.NOTICE_SENT: _sent,
    Kind.LEVEL_UNREACHABLE: _unreachable,
    Kind.SUPERSEDED: _breached,
    Kind.ESCALATED: _escalated,
    Kind.RESPONSE_BREACHED: _breached,
    Kind.ACKNOWLEDGED: _acknowledged,
    Kind.UNACKNOWLEDGED: lambda teller, event: _labelled("was with", teller.who(event, "owner")),
    Kind.LEASE_ASKED: lambda teller, event: teller.who(event, "owner"),
    Kind.DECLINED: lambda _, event: _labelled("level", text(event, "level")),
    Kind.HELD: lambda teller, event: _labelled("until", teller.time(event, "until")),
    Kind.UPDATE_SNOOZED: lambda teller, event: _labelled("until", teller.time(event, "until")),
    Kind.PHASE: _phase,
    Kind.PHASE_SKIPPED: _phase,
    Kind.DOCUMENTED: _documented,
    Kind.RESOLVED: _resolved,
    Kind.CANCELLED: lambda _, event: text(event, "code").replace("_", " "),
    Kind.MERGED: lambda _, event: _labelled("into", text(event, "into")),
    Kind.ABSORBED: lambda _, event: text(event, "merged"),
    Kind.REPRIORITIZED: _reprioritized,
    Kind.ASSIGNED: lambda teller, event: _joined(
        text(event, "duty") or "command", _labelled("to", teller.who(event, "to"))
    ),
    Kind.OVERRIDDEN: lambda _, event: text(event, "sentence") or text(event, "code"),
    Kind.PLAYBOOK_ATTACHED: lambda _, event: text(event, "playbook"),
    Kind.STEP_TICKED: _step,
    Kind.NOTE: _note,
}

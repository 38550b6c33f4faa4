"""One incident on the screen, section by section; a section without a line is left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from zoneinfo import ZoneInfo

from engine.api.views import EventView, IncidentDetail, IncidentSummary, MessageView
from engine.cli.screen import facts, plain, say, stamp, table
from engine.core.model import TimerState

ALERTS_SHOWN = 20
Rows = list[tuple[object, ...]]


def show_list(items: Sequence[IncidentSummary], zone: ZoneInfo) -> None:
    if not items:
        say("There are none.")
        return
    columns = ("Incident", "Priority", "State", "Title", "Service", "Opened", "Acknowledged by", "Level")
    table(*columns, rows=(_listed(one, zone) for one in items))


def _listed(one: IncidentSummary, zone: ZoneInfo) -> tuple[object, ...]:
    opened, level = stamp(one.opened_at, zone), one.level or ""
    return one.id, one.priority, one.state, one.title, one.service, opened, one.acknowledged_by, level


def show_timeline(lines: Sequence[EventView], zone: ZoneInfo) -> None:
    rows = ((line.seq, stamp(line.at, zone), line.kind, line.actor, _why(line)) for line in lines)
    table("Line", "When", "What", "Who", "Why", rows=rows)


def _why(line: EventView) -> str:
    """Of the opening also why it has this service and policy."""
    placed = line.data.get("placed")
    return f"{line.reason}; {placed}" if placed else line.reason


def show_incident(view: IncidentDetail, zone: ZoneInfo) -> None:
    say(f"{view.id}  {view.priority}  {view.state}  {plain(view.title)}", style="bold")
    facts(_facts(view, zone))
    for title, columns, rows_of in SECTIONS:
        rows = rows_of(view, zone)
        if rows:
            say(f"\n{title}", style="bold")
            table(*columns, rows=rows)
    if len(view.alerts) > ALERTS_SHOWN:
        say(f"… and {view.alert_count - ALERTS_SHOWN} more alerts; --json has them")


def _facts(view: IncidentDetail, zone: ZoneInfo) -> Iterator[tuple[str, object]]:
    found = view.classification
    yield "Summary", view.summary
    yield "Service", f"{view.service}, policy {view.policy}"
    yield "Priority", f"{view.priority}; the rules said {found.priority}: {found.reason} (rule {found.rule})"
    yield "Opened", f"{stamp(view.opened_at, zone)} by {view.source}"
    if view.acknowledged_at:
        yield "Acknowledged", f"{stamp(view.acknowledged_at, zone)} by {_name(view, view.acknowledged_by)}"
    yield "Commander", _name(view, view.commander)
    if view.sealed_at:
        yield "Sealed", f"{stamp(view.sealed_at, zone)}, for {', '.join(_name(view, one) for one in view.invited)}"
    if view.hold_until:
        yield "Held", f"until {stamp(view.hold_until, zone)} by {_name(view, view.hold_by)}: {view.hold_reason}"
    yield "Resolved", stamp(view.resolved_at, zone)
    yield "Review due", stamp(view.review_due_at, zone)
    yield "Closed", stamp(view.closed_at, zone)
    yield "Before it", view.previous
    yield "Merged into", view.merged_into
    for name in ("impact", "cause", "mitigation", "validation", "lessons"):
        yield name.capitalize(), getattr(view, name)
    yield "Next", view.next_step


def _name(view: IncidentDetail, contact: str | None) -> str:
    return view.people.get(contact, contact) if contact else ""


def _ladder(view: IncidentDetail, zone: ZoneInfo) -> Rows:
    return [
        (rung.level, rung.title, rung.who, stamp(rung.due_at, zone), rung.state, rung.reason) for rung in view.ladder
    ]


def _pending(view: IncidentDetail, zone: ZoneInfo) -> Rows:
    timers = [timer for timer in view.timers if timer.state is TimerState.PENDING]
    return [(stamp(timer.due_at, zone), timer.kind, timer.level or "", timer.reason) for timer in timers]


def _told(view: IncidentDetail, zone: ZoneInfo) -> Rows:
    return [_message(one, _name(view, one.contact), zone) for one in view.messages]


def _message(one: MessageView, who: str, zone: ZoneInfo) -> tuple[object, ...]:
    why = f"{one.reason}; {one.error}" if one.error else one.reason
    return stamp(one.sent_at or one.created_at, zone), one.kind, who, one.channel, one.state, why


def _steps(view: IncidentDetail, zone: ZoneInfo) -> Rows:
    return [
        (step.id, f"{step.number} {step.title}", stamp(step.done_at, zone), _name(view, step.done_by), step.note)
        for step in view.steps
    ]


def _actions(view: IncidentDetail, zone: ZoneInfo) -> Rows:
    return [
        (place, action.what, _name(view, action.owner), action.due_on, stamp(action.done_at, zone))
        for place, action in enumerate(view.actions, start=1)
    ]


def _alerts(view: IncidentDetail, zone: ZoneInfo) -> Rows:
    shown = view.alerts[:ALERTS_SHOWN]
    return [(one.status, one.title, one.summary, stamp(one.last_seen_at, zone), one.count) for one in shown]


def _muted(view: IncidentDetail, zone: ZoneInfo) -> Rows:
    return [
        (one.rule, alert.title, alert.service, stamp(alert.last_at, zone), alert.count)
        for one in view.muted
        for alert in one.alerts[:ALERTS_SHOWN]
    ]


def _links(view: IncidentDetail, zone: ZoneInfo) -> Rows:
    del zone  # addresses have none
    return [(link.title, link.url) for link in view.links]


SECTIONS: tuple[tuple[str, tuple[str, ...], Callable[[IncidentDetail, ZoneInfo], Rows]], ...] = (
    ("Ladder", ("Level", "Title", "Who", "When", "State", "Why"), _ladder),
    ("Pending", ("Due", "What", "Level", "Why"), _pending),
    ("Told", ("When", "What", "Who", "Channel", "State", "Why"), _told),
    ("Playbook", ("Step", "What", "Done", "By", "Note"), _steps),
    ("Actions", ("No.", "What", "Owner", "Due", "Done"), _actions),
    ("Alerts", ("Status", "Title", "Summary", "Last seen", "Times"), _alerts),
    ("Muted by cause of it", ("Rule", "Alert", "Service", "Last seen", "Times"), _muted),
    ("Links", ("Title", "Address"), _links),
)

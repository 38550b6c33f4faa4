"""What must hold of the whole record at any moment, whatever has happened. Each check reads the rows, not the rules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from engine.core.escalation import plan
from engine.core.model import Delivery, Incident, MessageKind, MessageState, RecordedEvent, State, TimerKind, TimerState
from engine.core.policy import Hours
from engine.core.timeline import Kind
from engine.db import incidents, outbox
from engine.ports import Envelope
from engine.services.cases import Gathered, gather
from engine.services.context import Context

OUTCOMES = {
    MessageState.SENT: Kind.PAGE_SENT,
    MessageState.FAILED: Kind.PAGE_FAILED,
    MessageState.CANCELLED: Kind.PAGE_CANCELLED,
}
HOPEFUL = (MessageState.PENDING, MessageState.CLAIMED, MessageState.SENT)
QUEUED = (MessageState.PENDING, MessageState.CLAIMED)
ENDED = (State.CLOSED, State.CANCELLED, State.MERGED)


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """One incident with all that the database holds of it."""

    gathered: Gathered
    lines: tuple[RecordedEvent, ...]
    deliveries: Sequence[Delivery]

    @property
    def incident(self) -> Incident:
        return self.gathered.case.incident

    @property
    def pages(self) -> list[Delivery]:
        return [one for one in self.deliveries if one.message.kind is MessageKind.PAGE]

    def of_kind(self, kind: Kind) -> list[RecordedEvent]:
        return [line for line in self.lines if line.kind == kind.value]

    def pending(self) -> dict[str, datetime]:
        return {
            key: timer.due_at for key, (timer, state) in self.gathered.timers.items() if state is TimerState.PENDING
        }


def read_accounts(connection: Connection, context: Context) -> list[Account]:
    numbers = incidents.all_numbers(connection)
    channels = context.revisions.channels(context.revisions.current(connection))
    found = gather(connection, context, numbers, channels)
    deliveries = outbox.of(connection, numbers)
    return [
        Account(gathered=found[n], lines=incidents.timeline(connection, n), deliveries=deliveries[n]) for n in numbers
    ]


def check_one_active_incident_per_key(accounts: Sequence[Account]) -> None:
    keys = Counter(one.incident.key for one in accounts if one.incident.state.active)
    assert all(count == 1 for count in keys.values()), keys


def check_timers(account: Account, now: datetime) -> None:
    """The pending timers are those that the rules plan, and an ended incident has none."""
    wanted = {timer.key: timer.due_at for timer in plan(account.gathered.case, now)}
    assert account.pending() == wanted, (account.incident.ref, account.pending(), wanted)
    if account.incident.state in ENDED:
        assert not wanted, (account.incident.ref, account.incident.state, wanted)


def check_breaches(account: Account) -> None:
    """A response that fell due is breached once."""
    used = (TimerState.FIRED, TimerState.SUPERSEDED)
    fired = [
        timer for timer, state in account.gathered.timers.values() if timer.kind is TimerKind.RESPONSE and state in used
    ]
    assert len(account.of_kind(Kind.RESPONSE_BREACHED)) == len(fired), (account.incident.ref, fired)


def check_pages(account: Account) -> None:
    """Each page decided has exactly its messages, and each message that is done has exactly one outcome on record."""
    decided: Counter[object] = Counter(
        (line.data["page"], channel) for line in account.of_kind(Kind.PAGE_DECIDED) for channel in _channels(line)
    )
    queued: Counter[object] = Counter((one.message.page, one.message.channel) for one in account.pages)
    assert queued == decided, (account.incident.ref, queued - decided, decided - queued)
    said: Counter[object] = Counter(
        (line.kind, line.data["page"], line.data["channel"])
        for kind in OUTCOMES.values()
        for line in account.of_kind(kind)
        if line.data["page"] is not None
    )
    done: Counter[object] = Counter(
        (OUTCOMES[one.state].value, one.message.page, one.message.channel)
        for one in account.pages
        if one.state in OUTCOMES
    )
    assert said == done, (account.incident.ref, said - done, done - said)


def _channels(line: RecordedEvent) -> list[str]:
    found = line.data["channels"]
    assert isinstance(found, list)
    return found


def check_no_page_is_given_up(account: Account) -> None:
    """Where every channel of a page failed there is another page behind it, or a line that nobody could be reached."""
    decided = {line.data["page"]: line for line in reversed(account.of_kind(Kind.PAGE_DECIDED))}
    for page, line in decided.items():
        if _states(account, page) == {MessageState.FAILED}:
            assert any(_takes_over(account, line)), (account.incident.ref, page)


def _states(account: Account, page: object) -> set[MessageState]:
    return {one.state for one in account.pages if one.message.page == page}


def _takes_over(account: Account, failed: RecordedEvent) -> Iterator[bool]:
    for line in account.lines:
        if line.at >= failed.at and line.kind == Kind.PAGE_DECIDED.value and line.data["page"] != failed.data["page"]:
            yield _states(account, line.data["page"]) != {MessageState.FAILED}
        elif line.seq > failed.seq and line.kind == Kind.LEVEL_UNREACHABLE.value:
            yield True


def check_somebody_is_still_to_come(account: Account) -> None:
    """Of an active incident that pages and that nobody has, each level has been dealt with or has its time ahead."""
    incident, case = account.incident, account.gathered.case
    pages = incident.classification.page and case.ladder.hours is Hours.ALWAYS
    if not incident.state.active or incident.acknowledged_at or not pages:
        return
    ahead = {
        timer.level
        for timer, state in account.gathered.timers.values()
        if timer.kind is TimerKind.PAGE and state is TimerState.PENDING
    }
    dealt = {
        line.data["level"]
        for kind in (Kind.PAGE_DECIDED, Kind.LEVEL_UNREACHABLE, Kind.SUPERSEDED)
        for line in account.of_kind(kind)
        if "level" in line.data
    }
    ladder = {case.config.levels[step.level].number for step in case.ladder.steps}
    assert ladder <= ahead | dealt, (incident.ref, ladder, ahead, dealt)


def check_nothing_waits(account: Account) -> None:
    assert not [one for one in account.deliveries if one.state in QUEUED], account.incident.ref


def check_arrivals(accounts: Sequence[Account], arrived: Sequence[Envelope]) -> None:
    """What arrived was wanted, what counts as sent did arrive, and only a marked repeat arrived more than once."""
    times = Counter(envelope.id for envelope in arrived if not envelope.repeated)
    assert all(count == 1 for count in times.values()), times
    ids = {name for envelope in arrived for name in names_in(envelope)}
    known = {f"{account.incident.ref}/{one.id}": one for account in accounts for one in account.deliveries}
    assert ids <= known.keys()
    sent = {name for name, one in known.items() if one.state is MessageState.SENT}
    assert sent <= ids, sent - ids


def names_in(envelope: Envelope) -> set[str]:
    """Of the deliveries that this message stands for."""
    return {one.id for one in envelope.bundle} or {envelope.id}


def check_all(accounts: Sequence[Account], now: datetime) -> None:
    check_one_active_incident_per_key(accounts)
    for account in accounts:
        check_timers(account, now)
        check_breaches(account)
        check_pages(account)
        check_no_page_is_given_up(account)
        check_somebody_is_still_to_come(account)

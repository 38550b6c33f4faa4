"""What the standard asks for, worked out from what happened: who must have been paged when, what must stand on record.

The model walks through the facts in their order. Where two things fell on the same instant, or a process died in the
middle of one, both outcomes are right, and the record says which of them it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tests.simulation.standard import (
    ANSWER_WITHIN,
    FLAPS,
    MISSED_AFTER,
    QUIET,
    WITHIN,
    Judgement,
    Table,
    end_of_next_business_day,
    is_business,
    more_urgent,
    next_opening,
)

NOTHING_TIGHTER = timedelta.max
PRIMARY, SECONDARY = 0, 1
OnRecord = Callable[[str, datetime, int | None], bool]
"""Whether the incident's timeline has a line of that kind at that time (for that level)."""
DOES = {"response": "response.breached", "ask": "lease.asked", "lapse": "incident.unacknowledged"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Expected:
    """One thing that must be on record at that time, or only may be (`need` is False). `due`: when it was due."""

    kind: str
    at: datetime
    due: datetime
    level: int = 0
    contact: str | None = None
    need: bool = True


@dataclass(kw_only=True, slots=True)
class Span:
    """From when until when something was so; not over where `until` is None."""

    since: datetime
    until: datetime | None = None


@dataclass(kw_only=True)
class Case:
    """One incident."""

    ref: str
    key: str
    opened_at: datetime
    table: Table
    judgement: Judgement
    on_record: OnRecord
    gaps: frozenset[datetime]
    """When each of the times began in which no engine looked."""
    priority: str = ""
    begun: list[datetime] = field(default_factory=list)
    """When the problem has lately begun to fire, at first in the incident before this one."""
    page: bool = True
    judged: str = ""
    tight: timedelta = NOTHING_TIGHTER
    firing: dict[str, bool] = field(default_factory=dict)
    state: str = "detection"
    began: datetime = field(init=False)
    cycle_from: datetime = field(init=False)
    by_raise: bool = False
    respond_at: datetime | None = None
    queue_at: datetime | None = None
    answered: bool = False
    levels: dict[int, datetime] = field(default_factory=dict)
    paged: set[int] = field(default_factory=set)
    owner: str | None = None
    ask_at: datetime | None = None
    lapse_at: datetime | None = None
    held_until: datetime | None = None
    flaps: bool = False
    quiet_at: datetime | None = None
    """When it is over by itself, if nothing fires until then."""
    looked_from: datetime = field(init=False)
    """Since when there has been somebody to look."""
    expected: list[Expected] = field(default_factory=list)
    acknowledged: list[Span] = field(default_factory=list)
    ended: list[Span] = field(default_factory=list)

    def __post_init__(self) -> None:
        found = self.judgement
        self.priority = self.judged = found.priority
        self.page, self.tight = found.page, found.tight or NOTHING_TIGHTER
        self.began = self.looked_from = self.opened_at
        self._begin(self.opened_at)
        self._count_levels(self.opened_at)
        self._cycle(self.opened_at)
        self.settle(self.opened_at)

    @property
    def active(self) -> bool:
        return self.state in ("detection", "working")

    @property
    def silent(self) -> bool:
        """Nobody is woken; the queue is told in business hours."""
        return self.priority == "P3" or not self.page

    # --- what people and senders do ---

    def acknowledge(self, at: datetime, by: str) -> None:
        if self.owner is not None and self.lapse_at is None:
            return
        self._drop_acknowledgement(at)
        self.acknowledged.append(Span(since=at))
        self.owner, self.state = by, "working"
        self.respond_at = self.queue_at = None
        self._renew(at)

    def act(self, at: datetime) -> None:
        """Any act renews the lease and answers the question."""
        if self.owner is not None and self.active:
            self._renew(at)

    def assign(self, at: datetime, to: str) -> None:
        self.act(at)
        if self.owner is not None:
            self.owner = to

    def hold(self, at: datetime, span: timedelta) -> None:
        self.held_until = at + span
        self.act(at)

    def escalate(self, at: datetime, level: int) -> None:
        self._page(at, at, level, PRIMARY)
        self.levels.pop(level, None)
        self.act(at)

    def reprioritize(self, at: datetime, by: str, priority: str) -> None:
        if more_urgent(priority, self.priority):
            self.raise_to(at, by, priority)
        elif priority != self.priority:
            self._lower(at, priority)
        self.act(at)
        self.settle(at)

    def hear(self, at: datetime, fingerprint: str, found: Judgement, *, firing: bool) -> None:
        known = self.firing.get(fingerprint)
        if not firing:
            if known:
                self.firing[fingerprint] = False
                self._all_clear(at)
            return
        if not any(self.firing.values()):
            self._begin(at)
        self.firing[fingerprint] = True
        if more_urgent(found.priority, self.priority) and more_urgent(found.priority, self.judged):
            self.judged = found.priority
            self.tight = min(self.tight, found.tight or NOTHING_TIGHTER)
            self.raise_to(at, "", found.priority)
            self.settle(at)

    def end(self, at: datetime, state: str) -> None:
        self._drop_acknowledgement(at)
        self.state = state
        self.ended.append(Span(since=at))
        self.respond_at = self.queue_at = self.held_until = self.quiet_at = None
        self.levels = {}

    def reopen(self, at: datetime) -> None:
        self.ended[-1].until = at
        self.state, self.began, self.by_raise = "working", at, False
        self.paged = set()
        self._count_levels(at)
        self._cycle(at)
        self.settle(at)

    def absorb(self, at: datetime, by: str, other: Case) -> None:
        self.firing |= other.firing
        higher = more_urgent(other.judged, self.judged)
        if more_urgent(other.priority, self.priority):
            self.raise_to(at, by, other.priority)
        self.judged = other.judged if higher else self.judged
        self.settle(at)

    # --- time ---

    def pass_until(self, now: datetime) -> None:
        """Everything that fell due before `now` was done when it was due; of what falls on `now` itself, each as the
        record says."""
        looked = self.looked_from
        while (due := self._next()) is not None and due <= now:
            at = looked = max(due, looked)
            names = self._due_by(at)
            if at >= now:
                names = [name for name in names if self._is_on_record(name, now)]
            if not names:
                return
            self._fire(names, at)
            if at < now:
                self.settle(at)

    def wake(self, since: datetime, until: datetime) -> None:
        """What fell due while nobody looked is done at the end of that time."""
        self.pass_until(since)
        self.looked_from = until
        self.settle(until)

    def settle(self, at: datetime) -> None:
        """What is due by now is done at once, unless the process died at this very instant."""
        while (due := self._next()) is not None and due <= at:
            names = self._due_by(at)
            if at in self.gaps and not any(self._is_on_record(name, at) for name in names):
                return
            self._fire(names, at)

    # --- inside ---

    def _dues(self) -> dict[str, datetime]:
        if not self.active:
            return {}
        single = {"response": self.respond_at, "queue": self.queue_at, "ask": self.ask_at, "lapse": self.lapse_at}
        single["quiet"] = self.quiet_at
        levels = {f"level {number}": self._held(due) for number, due in self.levels.items()}
        return {name: due for name, due in single.items() if due is not None} | levels

    def _held(self, due: datetime) -> datetime:
        return max(due, self.held_until) if self.held_until else due

    def _next(self) -> datetime | None:
        return min(self._dues().values(), default=None)

    def _due_by(self, at: datetime) -> list[str]:
        dues = self._dues()
        return sorted((name for name, due in dues.items() if due <= at), key=lambda name: (dues[name], name))

    def _is_on_record(self, name: str, at: datetime) -> bool:
        if name == "queue":
            return self.on_record("notice.sent", at, None)
        if name == "quiet":
            return any(self.on_record(kind, at, None) for kind in ("incident.resolved", "alert.all_cleared"))
        level = _number(name) or None
        kind = "level.escalated" if level else DOES[name]
        return self.on_record(kind, at, level) or self.on_record("level.superseded", at, level or 1)

    def _fire(self, names: Iterable[str], at: datetime) -> None:
        """All of one incident that was due when an engine looked: what is over by itself pages nobody, and the highest
        level speaks for those that were missed below it."""
        names = list(names)
        if "quiet" in names:
            names.remove("quiet")
            self._quiet(at)
        if not self.active:
            return
        dues = self._dues()
        top = max((_number(name) for name in names), default=0)
        for name in names:
            due = dues[name]
            missed = at - due > MISSED_AFTER
            match name:
                case "response":
                    self._breach(at, due, top=top, missed=missed)
                case "ask":
                    self._ask(at, due)
                case "lapse":
                    self._lapse(at, due)
                case "queue":
                    self.queue_at = None
                    self._expect("notice", at, due)
                case _:
                    self._level_due(at, due, _number(name), top=top, missed=missed)

    def _breach(self, at: datetime, due: datetime, *, top: int, missed: bool) -> None:
        self.respond_at, self.answered = None, True
        self._expect("breach", at, due)
        if self.silent:
            by_day = is_business(at) or is_business(at - MISSED_AFTER)
            if by_day and self.page:
                self._page(at, due, 1, PRIMARY, need=False)
        elif top and missed:
            self._expect("superseded", at, due, level=1)
        else:
            self._page(at, due, 1, SECONDARY, need=not top)
            self._page(at, due, 1, PRIMARY, need=not top)

    def _level_due(self, at: datetime, due: datetime, number: int, *, top: int, missed: bool) -> None:
        self.levels.pop(number)
        if number < top and missed:
            self._expect("superseded", at, due, level=number)
            return
        self._expect("escalated", at, due, level=number, need=number == top)
        self._page(at, due, number, PRIMARY, need=number == top)
        self.paged.add(number)

    def _ask(self, at: datetime, due: datetime) -> None:
        self._expect("asked", at, due, contact=self.owner)
        self.ask_at, self.lapse_at = None, at + ANSWER_WITHIN

    def _lapse(self, at: datetime, due: datetime) -> None:
        self._expect("lapsed", at, due)
        self._drop_acknowledgement(at)
        self.by_raise = False
        self._cycle(at)

    def _cycle(self, at: datetime) -> None:
        """Level 1 begins anew: at once, or the queue in its hours."""
        self.cycle_from, self.held_until, self.answered = at, None, False
        self.queue_at = next_opening(at) if self.silent else None
        self.respond_at = self._response(at)
        if not self.silent:
            self._page(at, at, 1, PRIMARY)

    def _response(self, start: datetime) -> datetime:
        within = self.table.rows[self.priority].respond
        target = end_of_next_business_day(start) if within is None else start + within
        return target if self.tight == NOTHING_TIGHTER else min(target, start + self.tight)

    def _count_levels(self, start: datetime) -> None:
        row = {} if self.silent else self.table.rows[self.priority].levels
        self.levels = {number: start + after for number, after in row.items()}

    def raise_to(self, at: datetime, by: str, priority: str) -> None:
        """Level 1 at once, the new row from now, and nothing later than it was."""
        levels, respond_at = dict(self.levels), self.respond_at
        self.priority, self.page = priority, True
        self._count_levels(at)
        for number in self.levels.keys() & levels.keys():
            self.levels[number] = min(self.levels[number], levels[number])
        if self.owner is not None and self.owner == by:
            self.by_raise = False
            self._page(at, at, 1, PRIMARY)
            return
        if self.owner is not None:
            self._expect("lapsed", at, at)
        self._drop_acknowledgement(at)
        self.by_raise = True
        self._cycle(at)
        if respond_at is not None and respond_at > at and self.respond_at is not None:
            self.respond_at = min(self.respond_at, respond_at)

    def _lower(self, at: datetime, priority: str) -> None:
        """The lower row's times count from the opening; who has been paged for more is not paged again for less."""
        self.priority = priority
        self._count_levels(self.began)
        self.levels = {number: due for number, due in self.levels.items() if number not in self.paged}
        self.cycle_from = self.began if self.by_raise else self.cycle_from
        self.by_raise = False
        if self.owner is not None:
            return
        self.respond_at = None if self.answered else self._response(self.cycle_from)
        self.queue_at = next_opening(self.cycle_from) if self.silent and self.queue_at is None else self.queue_at

    def _all_clear(self, at: datetime) -> None:
        if any(self.firing.values()):
            return
        if self.state != "detection":
            return
        if self.flaps:
            self.quiet_at = at + QUIET
        else:
            self.end(at, "review")

    def _begin(self, at: datetime) -> None:
        self.begun = [*(one for one in self.begun if one > at - WITHIN), at][-FLAPS:]
        self.flaps = self.flaps or len(self.begun) == FLAPS
        self.quiet_at = None

    def _quiet(self, at: datetime) -> None:
        self.quiet_at = None
        if self.state == "detection" and not any(self.firing.values()):
            self.end(at, "review")

    def _renew(self, at: datetime) -> None:
        lease = self.table.rows[self.priority].lease
        self.ask_at, self.lapse_at = at + lease if lease else None, None

    def _drop_acknowledgement(self, at: datetime) -> None:
        if self.owner is not None:
            self.acknowledged[-1].until = at
        self.owner = self.ask_at = self.lapse_at = None

    def _page(self, at: datetime, due: datetime, level: int, seat: int, *, need: bool = True) -> None:
        self._expect("page", at, due, level=level, contact=self.table.people[level][seat], need=need)
        if level > 1:
            self.paged.add(level)

    def _expect(
        self,
        kind: str,
        at: datetime,
        due: datetime,
        *,
        level: int = 0,
        contact: str | None = None,
        need: bool = True,
    ) -> None:
        self.expected.append(Expected(kind=kind, at=at, due=due, level=level, contact=contact, need=need))


def _number(name: str) -> int:
    return int(name.removeprefix("level ")) if name.startswith("level ") else 0

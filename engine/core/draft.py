"""What a decision looks at, and what it comes to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from engine.core.model import ActionItem, Actor, Event, Incident, Message, PlaybookStep, Timer, TimerState, Until
from engine.core.policy import Config, Ladder, Policy
from engine.core.timeline import Kind


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """Everything a rule may know about one incident.

    `reachable` names the channels that can send right now. `fired` holds the keys of timers that have done their work,
    `passed_over` those of levels in whose stead a higher one was paged, and when they were due. `firing` is how many of
    its alerts still fire.
    """

    incident: Incident
    config: Config
    reachable: frozenset[str] = frozenset()
    fired: frozenset[str] = frozenset()
    passed_over: Mapping[str, datetime] = field(default_factory=dict)
    firing: int = 0
    actions: tuple[ActionItem, ...] = ()
    steps: tuple[PlaybookStep, ...] = ()

    @property
    def policy(self) -> Policy:
        return self.config.policies[self.incident.policy]

    @property
    def ladder(self) -> Ladder:
        return self.policy.ladder(self.incident.priority)


@dataclass(frozen=True, kw_only=True, slots=True)
class Tickmark:
    """A playbook step that changes: done by whom, or undone."""

    step: str
    done_at: datetime | None
    done_by: str | None
    note: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """What is to be written, all of it in one transaction.

    `stopped`: queued pages with one of these `until` are not wanted any more. `fired`: timers that are used up.
    `planned`: the timers of a new incident, those fired at once too; an incident that changes is planned when written.
    `changed` is False where nothing is written at all. `code` and `sentence` answer the one who asked.
    """

    incident: Incident
    events: tuple[Event, ...] = ()
    messages: tuple[Message, ...] = ()
    stopped: frozenset[Until] = frozenset()
    stop_reason: str = ""
    fired: Mapping[str, TimerState] = field(default_factory=dict)
    actions: tuple[ActionItem, ...] = ()
    finished: ActionItem | None = None
    ticks: tuple[Tickmark, ...] = ()
    planned: tuple[Timer, ...] = ()
    code: str = "done"
    sentence: str = ""
    changed: bool = True


class Draft:
    """The notes of one decision in the making. It never leaves the rule that made it; `decision()` is the copy."""

    def __init__(self, case: Case, now: datetime) -> None:
        self.case = case
        self.now = now
        self.incident = case.incident
        self.events: list[Event] = []
        self.messages: list[Message] = []
        self.fired: dict[str, TimerState] = {}
        self.stopped: set[Until] = set()
        self.stop_reason = ""
        self.actions: list[ActionItem] = []
        self.finished: ActionItem | None = None
        self.ticks: list[Tickmark] = []
        self.planned: tuple[Timer, ...] = ()

    @property
    def next_seq(self) -> int:
        """The number that the next line of the timeline will get."""
        return self.case.incident.timeline_seq + len(self.events) + 1

    @property
    def ladder(self) -> Ladder:
        """The ladder of the priority as it is by now."""
        return self.case.policy.ladder(self.incident.priority)

    def change(self, **columns: Any) -> None:
        self.incident = self.incident.but(**columns)

    def record(self, kind: Kind, actor: Actor | str, reason: str, **facts: object) -> None:
        self.events.append(Event(kind=str(kind), actor=str(actor), reason=reason, data=facts))

    def stop(self, untils: Iterable[Until], reason: str) -> None:
        """Queued pages with these `until` are withdrawn; those queued by this same decision are not."""
        self.stopped.update(untils)
        self.stop_reason = reason

    def person(self, contact: str | None) -> str:
        """The display name of a contact; any other identity as it is."""
        known = self.case.config.contacts.get(contact or "")
        return known.name if known else contact or "nobody"

    def _let_in(self) -> None:
        """Whoever is paged, asked or told by name can see the sealed incident too."""
        told = dict.fromkeys(one.contact for one in self.messages if one.contact)
        new = [contact for contact in told if contact not in self.incident.invited]
        if new:
            self.change(invited=(*self.incident.invited, *new))

    def decision(self, sentence: str, code: str = "done") -> Decision:
        if self.incident.updated_at != self.now:
            self.change(updated_at=self.now)
        if self.incident.sealed_at is not None:
            self._let_in()
        return Decision(
            incident=self.incident,
            events=tuple(self.events),
            messages=tuple(self.messages),
            stopped=frozenset(self.stopped),
            stop_reason=self.stop_reason,
            fired=dict(self.fired),
            actions=tuple(self.actions),
            finished=self.finished,
            ticks=tuple(self.ticks),
            planned=self.planned,
            code=code,
            sentence=sentence,
        )


def unchanged(incident: Incident, code: str, sentence: str) -> Decision:
    """The answer to a command that finds its wish fulfilled already."""
    return Decision(incident=incident, code=code, sentence=sentence, changed=False)

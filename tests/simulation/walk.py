"""Walks through the facts and tells each incident's model what happened to it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from tests.simulation.expected import Case
from tests.simulation.facts import Away, Did, Fact, Heard, Line, Revised
from tests.simulation.standard import Table, judge

ENDS = {"resolve": "review", "cancel": "cancelled", "merge": "merged"}
LEAVES = {
    "acknowledge": ("incident.acknowledged", "lease.renewed"),
    "resolve": ("incident.resolved",),
    "cancel": ("incident.cancelled",),
    "merge": ("incident.merged",),
    "reopen": ("incident.reopened",),
    "reprioritize": ("priority.changed", "incident.documented"),
    "hold": ("escalation.held",),
    "escalate": ("level.escalated",),
    "assign": ("commander.assigned",),
    "note": ("note",),
    "advance": ("phase.entered",),
    "close": ("incident.closed",),
}
"""The line that each command leaves on the timeline."""
ALERT_LEAVES = ("alert.joined", "alert.resolved", "priority.changed")
"""One of these, whatever an alert of an active incident comes to; a mere repeat leaves none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Complaint:
    """Something that is not as it ought to be."""

    rule: str
    at: datetime
    incident: str
    text: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.incident} at {self.at:%Y-%m-%d %H:%M:%S.%f}: {self.text}"


@dataclass(kw_only=True)
class Walk:
    """`lines`: the timelines by incident, which settle what is in doubt."""

    table: Table
    lines: Mapping[str, tuple[Line, ...]]
    cases: dict[str, Case] = field(default_factory=dict)
    complaints: list[Complaint] = field(default_factory=list)
    gaps: frozenset[datetime] = frozenset()

    def __post_init__(self) -> None:
        self._own: dict[str, Case] = {}
        self._newest: dict[str, Case] = {}
        self._moved: dict[str, Case] = {}
        self._seen = {
            (ref, line.kind, line.at, _level(line)) for ref, lines in self.lines.items() for line in lines
        } | {(ref, line.kind, line.at, None) for ref, lines in self.lines.items() for line in lines}
        self._opened: dict[tuple[str, datetime], str] = {}
        for ref, lines in self.lines.items():
            self._opened[str(lines[0].data.get("key")), lines[0].at] = ref

    def through(self, facts: Iterable[Fact]) -> None:
        facts = list(facts)
        self.gaps = frozenset(fact.since for fact in facts if isinstance(fact, Away))
        for fact in facts:
            self._one(fact)

    def _one(self, fact: Fact) -> None:
        match fact:
            case Heard():
                self._pass(fact.at)
                self._hear(fact)
            case Did():
                self._pass(fact.at)
                self._do(fact)
            case Away():
                for case in self._active():
                    case.wake(fact.since, fact.until)
            case Revised():
                self.table = fact.table
            case _:
                pass

    def _pass(self, at: datetime) -> None:
        for case in self._active():
            case.pass_until(at)

    def _active(self) -> list[Case]:
        return [case for case in self.cases.values() if case.active]

    # --- alerts ---

    def _hear(self, heard: Heard) -> None:
        if heard.durable is False:
            return
        found = judge(title=heard.title, priority=heard.priority, severity=heard.severity)
        case = self._place(heard)
        if case is None:
            self._open(heard)
        elif heard.durable or self._left(case.ref, heard.at, *ALERT_LEAVES):
            case.hear(heard.at, heard.fingerprint, found, firing=heard.firing)
            if heard.durable and heard.incident not in (case.ref, None):
                self._complain("placed wrongly", heard.at, case.ref, f"{heard.fingerprint} went to {heard.incident}")

    def _place(self, heard: Heard) -> Case | None:
        active = self._active()
        firing = [case for case in active if case.firing.get(heard.fingerprint)]
        known = (*firing, self._own.get(heard.key), self._moved.get(heard.key))
        return next((case for case in known if case is not None and case.active), None)

    def _open(self, heard: Heard) -> None:
        ref = self._opened.get((heard.key, heard.at))
        if not heard.firing or (heard.durable is None and ref is None):
            return
        if ref is None or (heard.durable and heard.incident != ref):
            self._complain("no incident", heard.at, heard.incident or "-", f"{heard.key} was accepted and opened none")
            return
        before = self._newest.get(heard.key)
        case = Case(
            ref=ref,
            key=heard.key,
            opened_at=heard.at,
            table=self.table,
            judgement=judge(title=heard.title, priority=heard.priority, severity=heard.severity),
            on_record=lambda kind, at, level: (ref, kind, at, level) in self._seen,
            gaps=self.gaps,
            begun=list(before.begun) if before is not None else [],
        )
        case.firing[heard.fingerprint] = True
        self.cases[ref] = self._own[heard.key] = self._newest[heard.key] = case

    # --- commands ---

    def _do(self, did: Did) -> None:
        case = self.cases.get(did.incident)
        if case is None:
            self._complain(
                "out of nowhere", did.at, did.incident, f"{did.command} by {did.by} of what nothing has opened"
            )
            return
        if not self._was_done(did):
            self._check_refusal(case, did)
            return
        if not case.active and did.command not in ("reopen", "close", "note"):
            self._complain("acted on the ended", did.at, case.ref, f"{did.command} by {did.by} was taken")
            return
        if did.command in ("resolve", "cancel", "merge", "reopen", "close"):
            self._end_or_begin(case, did)
        else:
            _act(case, did)

    def _end_or_begin(self, case: Case, did: Did) -> None:
        match did.command:
            case "reopen":
                case.reopen(did.at)
                self._own[case.key] = case
            case "close":
                case.state = "closed"
            case _:
                case.end(did.at, ENDS[did.command])
        if did.command == "merge":
            self._merge(case, did)

    def _was_done(self, did: Did) -> bool:
        if did.done is not None:
            return did.done
        return self._left(did.incident, did.at, *LEAVES[did.command])

    def _left(self, ref: str, at: datetime, *kinds: str) -> bool:
        return any((ref, kind, at, None) in self._seen for kind in kinds)

    def _check_refusal(self, case: Case, did: Did) -> None:
        """Nothing that matters may be refused while the incident is active. An acknowledgement of what somebody has
        already is answered, and changes nothing; also where the owner is asked in that very moment, but later."""
        asked_now = self._left(case.ref, did.at, "lease.asked")
        taken = did.command == "acknowledge" and case.owner is not None and (case.lapse_at is None or asked_now)
        if did.done is False and case.active and not taken and did.command in ("acknowledge", "resolve", "hold"):
            self._complain("refused", did.at, case.ref, f"{did.command} by {did.by}: {did.code}")

    def _merge(self, case: Case, did: Did) -> None:
        target = self.cases[did.to]
        target.absorb(did.at, did.by, case)
        for key, moved in list(self._moved.items()):
            if moved is case:
                self._moved[key] = target
        self._moved[case.key] = target

    def _complain(self, rule: str, at: datetime, incident: str, text: str) -> None:
        self.complaints.append(Complaint(rule=rule, at=at, incident=incident, text=text))


def _act(case: Case, did: Did) -> None:
    match did.command:
        case "acknowledge":
            case.acknowledge(did.at, did.by)
        case "reprioritize":
            case.reprioritize(did.at, did.by, did.to)
        case "hold":
            case.hold(did.at, did.span)
        case "escalate":
            case.escalate(did.at, int(did.to))
        case "assign":
            case.assign(did.at, did.to)
        case _:
            case.act(did.at)


def _level(line: Line) -> int | None:
    level = line.data.get("level")
    return level if isinstance(level, int) else None

"""Whatever happens in whatever order: nobody is forgotten, nothing comes later for a raise, the record holds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.draft import Draft
from engine.core.errors import Refusal
from engine.core.escalation import Changes, plan, reconcile, silent
from engine.core.fallback import after_failure
from engine.core.model import Delivery, MessageKind, MessageState, Priority, State, Timer, TimerKind, Until
from engine.core.policy import Step
from engine.core.timeline import Kind, verify
from tests.core.cases import CONFIG, LEAD, MANAGER, REACHABLE, SENIOR, alert, changed, cleared, minutes
from tests.core.drive import Engine

ENDING = changed("policies", "standard", "P0", "steps", "1", "until", to=Until.ACKNOWLEDGED)
PRIORITIES = [priority.value for priority in Priority]
COMMANDS: list[tuple[str, dict[str, Any]]] = [
    *[("acknowledge", {})] * 3,
    *[("reprioritize", {"priority": priority, "reason": "r"}) for priority in PRIORITIES],
    ("advance", {"impact": "i", "cause": "c", "priority_confirmed": True}),
    ("hold", {"for": "50m", "reason": "r"}),
    ("hold", {"for": "0s", "reason": "r"}),
    ("escalate", {}),
    ("escalate", {"level": 1}),
    ("assign", {"to": "eng-manager"}),
    ("note", {"text": "t"}),
    ("resolve", {"validation": "v"}),
    ("reopen", {"reason": "r"}),
]
LAST = [("cancel", {"code": "test", "reason": "r"}), ("close", {"override": True, "reason": "r"})]
SPANS = [0, 1, 5, 6, 15, 21, 31, 61, 121, 241]
ALERTS = [alert("f2", priority=priority) for priority in PRIORITIES] + [alert("f3", severity="critical")]
REACHES = [REACHABLE, REACHABLE, frozenset({"chat", "log"}), frozenset({"log"}), frozenset({"phone"}), frozenset()]
STEP = st.one_of(
    st.tuples(st.just("do"), st.sampled_from(COMMANDS), st.sampled_from([LEAD, SENIOR, MANAGER])),
    st.tuples(st.just("do"), st.sampled_from(COMMANDS + LAST), st.sampled_from([LEAD, SENIOR, MANAGER])),
    st.tuples(st.just("wait"), st.sampled_from(SPANS)),
    st.tuples(st.sampled_from(["wait", "sleep"]), st.sampled_from(SPANS)),
    st.tuples(st.just("hear"), st.sampled_from(ALERTS)),
    st.tuples(st.just("clear"), st.sampled_from(["f1", "f2", "f3"])),
    st.tuples(st.just("reach"), st.sampled_from(REACHES)),
    st.tuples(st.sampled_from(["deliver", "fail"])),
)


PAGED = (Kind.PAGE_DECIDED, Kind.LEVEL_UNREACHABLE)
"""Level 1 was paged, or it is on record that nobody there could be."""
CAME = (Kind.ESCALATED, Kind.SUPERSEDED)
"""The level's own time came. Standing in for a lower level that can't be reached is not that."""


@dataclass(kw_only=True, slots=True)
class World:
    """The engine with what surrounds it: channels that come and go, messages that arrive or fail."""

    engine: Engine
    outbox: list[Delivery] = field(default_factory=list)
    taken: int = 0

    def step(self, name: str, *rest: Any) -> None:
        engine = self.engine
        if name == "do":
            (command, fields), actor = rest
            with suppress(Refusal):
                engine.do(command, actor, **fields)
        elif name in ("wait", "sleep"):
            getattr(engine, name)(minutes(rest[0]))
        elif name == "reach":
            engine.reachable = rest[0]
        elif name in ("deliver", "fail"):
            self._settle(MessageState.SENT if name == "deliver" else MessageState.FAILED)
        elif engine.incident.state.active:
            engine.hear(rest[0] if name == "hear" else cleared(rest[0]))

    def _settle(self, state: MessageState) -> None:
        """Every page on its way arrives, or fails together with whatever is sent in its place."""
        for one in iter(self._next, None):
            place = self.outbox.index(one)
            self.outbox[place] = replace(one, state=state, error="refused")
            if state is MessageState.FAILED and _wanted(self.engine, one):
                draft = Draft(self.engine.case(), self.engine.now)
                since = self.engine.incident.cycle_started_at
                after_failure(draft, self.outbox[place], [o for o in self.outbox if o.created_at >= since])
                self.engine.apply(draft.decision("goes on"))

    def _next(self) -> Delivery | None:
        for sent in self.engine.sent[self.taken :]:
            if sent.message.kind is MessageKind.PAGE:
                number = len(self.outbox) + 1
                new = Delivery(
                    id=number,
                    message=sent.message,
                    state=MessageState.PENDING,
                    priority=Priority.P0,
                    created_at=sent.at,
                )
                self.outbox.append(new)
        self.taken = len(self.engine.sent)
        return next((one for one in self.outbox if one.state is MessageState.PENDING), None)


def _wanted(engine: Engine, one: Delivery) -> bool:
    answered = engine.incident.acknowledged_at is not None and one.message.until is Until.ACKNOWLEDGED
    return engine.incident.state.active and not answered


def check(engine: Engine) -> None:
    one, pending = engine.incident, engine.pending()
    if one.state in (State.CLOSED, State.CANCELLED, State.MERGED):
        assert pending == []
    if one.state is State.REVIEW:
        assert {timer.kind for timer in pending} <= {TimerKind.REVIEW, TimerKind.CLOSE}
    wanted = plan(engine.case(), engine.now)
    keys = [timer.key for timer in wanted]
    assert len(keys) == len(set(keys))
    assert not engine.case().fired & set(keys)
    assert reconcile(engine.timers, wanted) == Changes(insert=(), move=(), cancel=())
    if one.state.active:
        assert list(forgotten(engine)) == []


def forgotten(engine: Engine) -> Iterator[str]:
    """Who ought to be paged, has not been, and never will be."""
    one, ladder = engine.incident, engine.case().ladder
    asks = {timer.kind for timer in engine.pending()} & {TimerKind.LEASE, TimerKind.LEASE_ANSWER}
    if one.acknowledged_at and ladder.lease and len(asks) != 1:
        yield "the owner is never asked"
    if not one.acknowledged_at and not any(key.startswith("response:1:c") for key in _live_or_spent(engine)):
        yield "the response is never due"
    if silent(engine.case()):
        if not one.acknowledged_at and f"queue:c{one.cycle}" not in _live_or_spent(engine):
            yield "the queue is never told"
        return
    if not one.acknowledged_at and not _on_record(engine, 1, PAGED, one.cycle_started_at):
        yield "level 1 is never paged"
    start = one.reopened_at or one.opened_at
    since = start if one.counted_from == start else one.counted_from
    for step in ladder.steps[1:]:
        number = engine.config.levels[step.level].number
        due = [timer for timer in engine.pending() if timer.kind is TimerKind.PAGE and timer.level == number]
        if not due and not _ended(engine, step) and not _on_record(engine, number, CAME, since):
            yield f"level {number} is never paged"


def _ended(engine: Engine, step: Step) -> bool:
    return step.until is Until.ACKNOWLEDGED and engine.incident.acknowledged_at is not None


def _live_or_spent(engine: Engine) -> set[str]:
    cycle = f":c{engine.incident.cycle}"
    return {key for key in {timer.key for timer in engine.pending()} | engine.case().fired if key.endswith(cycle)}


def _on_record(engine: Engine, level: int, kinds: tuple[Kind, ...], since: datetime) -> bool:
    return any(
        event.kind in kinds and event.data.get("level") == level and event.at >= since for event in engine.timeline
    )


def _dues(engine: Engine) -> dict[str, Timer]:
    return {f"{t.kind}{t.level}": t for t in engine.pending() if t.kind in (TimerKind.PAGE, TimerKind.RESPONSE)}


def check_raise(engine: Engine, rank: Priority, before: dict[str, Timer]) -> None:
    """Of a level that waited for its time before a raise and waits for it still, the time is no later. A response that
    is due at that very moment gives way to the page that the raise itself is."""
    if engine.incident.priority.above(rank):
        for name, timer in _dues(engine).items():
            if name in before and (timer.kind is TimerKind.PAGE or before[name].due_at > engine.now):
                assert timer.due_at <= max(before[name].due_at, engine.now), name


def check_loud(world: World) -> None:
    """When every page of a cycle has failed, that is said."""
    engine, since = world.engine, world.engine.incident.cycle_started_at
    own = [one for one in world.outbox if one.created_at >= since]
    failed = own and all(one.state is MessageState.FAILED for one in own)
    if failed and engine.incident.state.active and engine.incident.acknowledged_at is None:
        said = [line.data.get("next", 0) for line in engine.lines(Kind.LEVEL_UNREACHABLE) if line.at >= since]
        assert None in said


@settings(max_examples=40)  # the machine of the services and the simulation's nights go the same ways further
@given(
    priority=st.sampled_from(PRIORITIES),
    page=st.booleans(),
    ending=st.booleans(),
    steps=st.lists(STEP, max_size=12),
)
def test_nobody_is_forgotten_whatever_happens(priority: str, *, page: bool, ending: bool, steps: list[Any]) -> None:
    engine = Engine(config=ENDING if ending else CONFIG).open(priority, page=page)
    world = World(engine=engine)
    check(engine)
    for step in steps:
        rank, before = engine.incident.priority, _dues(engine)
        world.step(*step)
        check(engine)
        if step[0] in ("do", "hear"):
            check_raise(engine, rank, before)
        if step[0] == "fail":
            check_loud(world)
    one = engine.incident
    assert verify(engine.timeline, seq=one.timeline_seq, head=one.timeline_hash) is None

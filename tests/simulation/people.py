"""People: awake or asleep, quick or slow or never, and what they do once they have taken something on."""

from __future__ import annotations

from datetime import timedelta

from engine.core.commands import (
    Acknowledge,
    Advance,
    Assign,
    Cancel,
    Close,
    Command,
    Escalate,
    Hold,
    Merge,
    Note,
    Reopen,
    Reprioritize,
    Resolve,
)
from engine.core.errors import Refusal
from engine.core.model import Priority
from engine.ports import Envelope
from tests.services.engines import person
from tests.simulation.facts import Arrival, Did
from tests.simulation.lives import Died
from tests.simulation.standard import HOUR, MINUTE, URGENCY
from tests.simulation.world import Happening, World

SECOND = timedelta(seconds=1)
RESPONDERS = ("ops-lead", "ops-senior", "eng-manager", "eng-lead", "cto", "vp-engineering")
AWAKE, ASLEEP = 0.75, 0.45
"""How likely a page is answered by day and by night."""


class People:
    def __init__(self, world: World) -> None:
        self._world = world
        self._chance = world.chance
        self._pages: set[str] = set()
        self._known: dict[str, None] = {}
        """Incidents that somebody has been told of, in that order."""

    def begin(self) -> None:
        self._world.sky.told = self._told

    def _told(self, arrival: Arrival, envelope: Envelope) -> None:
        ref, who = arrival.incident, arrival.contact
        if ref not in self._known:
            self._known[ref] = None
            self._world.later(self._world.span(3 * HOUR, 12 * HOUR), lambda: self._tidy_up(ref))
        if who is None or self._world.closing:
            return
        if arrival.kind == "question" and self._chance.random() < 0.6:
            self._soon(ref, who, self._world.span(10 * SECOND, 8 * MINUTE))
        elif arrival.kind == "page" and arrival.page and arrival.page not in self._pages:
            self._pages.add(arrival.page)
            self._woken(ref, who)

    def _woken(self, ref: str, who: str) -> None:
        day = 7 <= self._world.clock.now().hour < 22
        if self._chance.random() < (AWAKE if day else ASLEEP):
            self._soon(ref, who, self._world.span(15 * SECOND, (20 if day else 75) * MINUTE))

    def _soon(self, ref: str, who: str, span: timedelta) -> None:
        self._world.later(span, lambda: self._on_the_edge(lambda: self._acknowledge(ref, who)))

    async def _on_the_edge(self, what: Happening) -> None:
        """Now and then at the very moment at which a timer is due."""
        wait = await self._world.next_timer() if self._chance.random() < 0.1 else None
        if wait is None or wait > HOUR:
            await what()
        else:
            self._world.later(wait, what)

    async def _acknowledge(self, ref: str, who: str) -> None:
        if await self.act(ref, who, Acknowledge()):
            self._plan(ref, who)

    def _plan(self, ref: str, who: str) -> None:
        """What somebody does who has it. One in four does nothing more, and forgets that it is theirs."""
        at = timedelta()
        for _ in range(self._chance.randrange(3)):
            at += self._world.span(20 * SECOND, HOUR)
            self._work(ref, who, at)
        if self._chance.random() < 0.75:
            at += self._world.span(MINUTE, 2 * HOUR)
            self._world.later(at, lambda: self._on_the_edge(lambda: self._resolve(ref, who)))

    def _work(self, ref: str, who: str, span: timedelta) -> None:
        kinds = [self._note, self._advance, self._hold, self._reprioritize, self._escalate, self._assign]
        kinds += [self._cancel, self._merge]
        work = self._chance.choices(kinds, weights=[4, 4, 4, 6, 2, 2, 1, 2])[0]
        by = who if self._chance.random() < 0.7 else self._chance.choice(RESPONDERS)
        self._world.later(span, lambda: work(ref, by))

    async def _note(self, ref: str, who: str) -> None:
        await self.act(ref, who, Note(text="looking"))

    async def _advance(self, ref: str, who: str) -> None:
        await self.act(ref, who, Advance(impact="some users", priority_confirmed=True, mitigation="restarted"))

    async def _hold(self, ref: str, who: str) -> None:
        span = self._world.span(5 * MINUTE, 3 * HOUR)
        await self.act(ref, who, Hold(span=span, reason="the fix is on its way"), span=span)

    async def _reprioritize(self, ref: str, who: str) -> None:
        priority = self._chance.choice(URGENCY)
        await self.act(ref, who, Reprioritize(priority=Priority(priority), reason="a person's judgement"), to=priority)

    async def _escalate(self, ref: str, who: str) -> None:
        level = self._chance.choice([1, 2, 2, 3])
        await self.act(ref, who, Escalate(level=level, reason="more hands"), to=str(level))

    async def _assign(self, ref: str, who: str) -> None:
        to = self._chance.choice(RESPONDERS)
        await self.act(ref, who, Assign(to=to), to=to)

    async def _cancel(self, ref: str, who: str) -> None:
        await self.act(ref, who, Cancel(code="false_alarm", reason="nothing there"))

    async def _merge(self, ref: str, who: str) -> None:
        into = self._chance.choice(list(self._known)[-5:])
        await self.act(ref, who, Merge(into=into), to=into)

    async def _resolve(self, ref: str, who: str) -> None:
        if not await self.act(ref, who, Resolve(validation="looked at the graphs")):
            return
        if self._chance.random() < 0.1:
            self._world.later(self._world.span(MINUTE, 2 * HOUR), lambda: self._reopen(ref, who))
        elif self._chance.random() < 0.4:
            self._world.later(self._world.span(HOUR, 80 * HOUR), lambda: self._close(ref, who))

    async def _reopen(self, ref: str, who: str) -> None:
        await self.act(ref, who, Reopen(reason="it came back"))

    async def _close(self, ref: str, who: str) -> None:
        await self.act(ref, who, Close(cause="a full disk", lessons="watch the disks"))

    async def _tidy_up(self, ref: str) -> None:
        """Somebody comes by in the morning."""
        await self.act(ref, "ops-lead", Resolve(validation="it has been well for hours"))

    async def act(self, ref: str, who: str, command: Command, *, to: str = "", span: timedelta | None = None) -> bool:
        """True where it was taken. Where nobody answers it is pressed again."""
        process = self._world.anyone()
        if process is None:
            self._again(ref, who, command, to=to, span=span)
            return False
        at, done, code = self._world.clock.now(), None, ""
        try:
            answer = await self._world.crew.do(process, lambda engine: engine.command(ref, command, person(who)))
            done, code = answer.decision.changed, answer.decision.code
        except Refusal as refusal:
            done, code = False, refusal.code
        except Died:
            self._again(ref, who, command, to=to, span=span)
        self._world.note(
            Did(
                at=at,
                incident=ref,
                by=who,
                command=command.name,
                done=done,
                code=code,
                to=to,
                span=span or timedelta(),
            )
        )
        return bool(done)

    def _again(self, ref: str, who: str, command: Command, *, to: str, span: timedelta | None) -> None:
        async def press() -> None:
            await self.act(ref, who, command, to=to, span=span)

        self._world.later(self._world.span(20 * SECOND, 5 * MINUTE), press)

"""An evening from a script: whatever a broken engine may get wrong comes to pass in it, and little left to chance."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from engine.core.commands import Acknowledge, Command, Hold, Reopen, Reprioritize, Resolve
from engine.core.model import Priority
from tests.services.engines import Fate
from tests.simulation.facts import Trouble
from tests.simulation.people import People
from tests.simulation.senders import Problem, Senders
from tests.simulation.sky import Spell
from tests.simulation.standard import HOUR, MINUTE
from tests.simulation.world import World

HOURS = 9.0
WELL = Resolve(validation="looked at the graphs")
EVERYWHERE = ("slack", "email", "phone")


class Evening:
    """Minutes count from midnight. Its parts can be played alone: what is broken shows in one of them."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._senders = Senders(world)
        self._people = People(world)
        self._fired = 0
        world.closing = True  # nothing begins by chance, and nobody answers by themselves

    def play(self) -> None:
        self.clocks()
        self.providers()
        self.processes()
        self.comings_and_goings()

    def clocks(self) -> None:
        raised = self._fire(1, "P1")
        self._raise(13, raised, "ops-senior")
        lapsed = self._fire(2, "P0")
        self._do(4, lapsed, "ops-lead", Acknowledge())
        self._do(25, lapsed, "ops-senior", Acknowledge())
        held = self._fire(3, "P0")
        self._do(8, held, "ops-lead", Hold(span=2 * HOUR, reason="the fix is on its way"), span=2 * HOUR)
        reopened = self._fire(4, "P2")
        self._raise(10, reopened, "ops-senior")
        self._do(12, reopened, "ops-lead", WELL)
        self._do(20, reopened, "ops-lead", Reopen(reason="it came back"))
        self._fire(5, "P3")

    def providers(self) -> None:
        self._spell(140, ["email"], Fate.FAILS, 1.5)
        answered = self._fire(140.2, "P1")
        self._do(141, answered, "ops-lead", Acknowledge())
        self._spell(150, EVERYWHERE, Fate.IS_REFUSED, 3)
        self._fire(150.2, "P1")
        self._spell(160, ["slack"], Fate.ARRIVES_UNANSWERED, 1)
        self._fire(160.2, "P2")
        self._spell(170, ["email"], Fate.FAILS, 0.5)
        self._fire(170.2, "P2")

    def processes(self) -> None:
        self._fire(200, "P0")
        self._world.later(203 * MINUTE, self._world.stop_engines)
        self._world.later(300 * MINUTE, self._world.start_engine)
        for turn in range(12):
            self._die(310 + 5 * turn, after=3 + 2 * turn)
            self._fire(310 + 5 * turn, "P2")

    def comings_and_goings(self) -> None:
        """Five times within the hour, once more before it was quiet for long enough, and once after that."""
        problem = Problem(service="checkout", title="Disk nearly full", priority="P3", severity=None)
        for minute in (400, 404, 408, 412, 416, 428, 460):
            self._world.later(minute * MINUTE, lambda: self._senders.fire(problem, 1))
            self._world.later((minute + 2) * MINUTE, lambda: self._senders.clear(problem, 1))

    def _fire(self, minute: float, priority: str) -> str:
        """The incident that it opens, as all of them come in the order in which they are written here."""
        problem = Problem(service="checkout", title=f"Alert at {minute}", priority=priority, severity=None)
        self._world.later(minute * MINUTE, lambda: self._senders.fire(problem, 1))
        self._fired += 1
        return f"INC-{self._fired}"

    def _raise(self, minute: float, ref: str, who: str) -> None:
        self._do(minute, ref, who, Reprioritize(priority=Priority.P0, reason="worse than thought"), to="P0")

    def _do(
        self, minute: float, ref: str, who: str, command: Command, *, to: str = "", span: timedelta | None = None
    ) -> None:
        async def act() -> None:
            await self._people.act(ref, who, command, to=to, span=span)

        self._world.later(minute * MINUTE, act)

    def _spell(self, minute: float, channels: Iterable[str], fate: Fate, minutes: float) -> None:
        sky, now = self._world.sky, self._world.clock.now
        channels = list(channels)

        async def begin() -> None:
            sky.spells |= {channel: Spell(fate=fate, share=1.0, since=now()) for channel in channels}

        async def end() -> None:
            for channel in channels:
                spell = sky.spells.pop(channel)
                self._world.note(Trouble(channel=channel, since=spell.since, until=now(), kind=fate.name))

        self._world.later(minute * MINUTE, begin)
        self._world.later((minute + minutes) * MINUTE, end)

    def _die(self, minute: float, *, after: int) -> None:
        async def doom() -> None:
            if not self._world.crew.processes:
                await self._world.start_engine()
            self._world.crew.processes[0].life.end_after(after)

        self._world.later(minute * MINUTE, doom)

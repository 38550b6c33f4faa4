"""Whatever may go wrong around the engines: providers, processes, clocks, and a new configuration now and then."""

from __future__ import annotations

from datetime import timedelta

from tests.services.engines import Fate
from tests.simulation.facts import Trouble
from tests.simulation.sky import Spell
from tests.simulation.standard import HOUR, MINUTE
from tests.simulation.tables import another
from tests.simulation.world import World

SECOND = timedelta(seconds=1)
FAR = 120
"""Suspensions within which a process that is doomed dies."""
CHANNELS = ("slack", "email", "phone")
FATES = (Fate.FAILS, Fate.FAILS, Fate.IS_REFUSED, Fate.IS_LIMITED, Fate.ARRIVES_UNANSWERED)


class Upsets:
    def __init__(self, world: World) -> None:
        self._world = world
        self._chance = world.chance
        self._wanted = 1
        self._down = False

    def begin(self) -> None:
        world, pace = self._world, self._world.pace
        world.on_death = self._died
        world.every(pace.spell, self._spell)
        world.on_storm = self._storm
        world.every(pace.blackout, self._blackout)
        world.every(pace.death, self._doom)
        world.every(pace.downtime, self._downtime)
        world.every(pace.leap, self._leap)
        world.every(pace.revision, self._revise)
        world.every(pace.second, self._change_number)

    async def heal(self) -> None:
        for channel in list(self._world.sky.spells):
            self._end(channel)
        self._wanted, self._down = max(1, self._wanted), False
        await self._fill_up()

    # --- providers ---

    async def _spell(self) -> None:
        channel = self._chance.choice(self._channels())
        self._begin(channel, self._chance.choice(FATES), self._chance.choice([1.0, 1.0, 0.4]), 40 * MINUTE)

    def _storm(self) -> None:
        """What makes many alerts often takes a provider with it, or all of them."""
        out = self._chance.choices([(), (self._chance.choice(self._channels()),), CHANNELS], weights=[5, 3, 2])[0]
        for channel in out:
            self._begin(channel, self._chance.choice(FATES), 1.0, HOUR / 2)

    def _channels(self) -> list[str]:
        return [one for one in CHANNELS if one not in self._world.sky.lacking]

    async def _blackout(self) -> None:
        """All providers at once."""
        for channel in CHANNELS:
            self._begin(channel, Fate.FAILS, 1.0, 20 * MINUTE)

    def _begin(self, channel: str, fate: Fate, share: float, longest: timedelta) -> None:
        self._end(channel)
        spell = Spell(fate=fate, share=share, since=self._world.clock.now())
        self._world.sky.spells[channel] = spell

        async def over() -> None:
            if self._world.sky.spells.get(channel) is spell:
                self._end(channel)

        self._world.later(self._world.span(20 * SECOND, longest), over)

    def _end(self, channel: str) -> None:
        spell = self._world.sky.spells.pop(channel, None)
        if spell is not None:
            now = self._world.clock.now()
            self._world.note(Trouble(channel=channel, since=spell.since, until=now, kind=spell.fate.name))

    # --- processes ---

    async def _doom(self) -> None:
        """One of them will die at one of its next suspensions, whatever it is doing then."""
        process = self._world.anyone()
        if process is not None:
            process.life.end_after(self._chance.randrange(1, FAR))

    def _died(self) -> None:
        longest = self._chance.choice([5 * SECOND, 5 * SECOND, 3 * MINUTE, 2 * HOUR])
        self._world.later(self._world.span(SECOND, longest), self._fill_up)

    async def _fill_up(self) -> None:
        while not self._down and len(self._world.crew.processes) < self._wanted:
            await self._world.start_engine()

    async def _change_number(self) -> None:
        self._wanted = 3 - self._wanted
        while len(self._world.crew.processes) > self._wanted:
            await self._world.crew.stop(self._world.crew.processes[-1])
        await self._fill_up()

    async def _downtime(self) -> None:
        if self._down:
            return
        self._down = True
        await self._world.stop_engines()
        self._world.later(self._world.span(MINUTE, 5 * HOUR), self._up_again)

    async def _up_again(self) -> None:
        self._down = False
        await self._fill_up()

    # --- clocks and configurations ---

    async def _leap(self) -> None:
        forward = self._world.span(5 * SECOND, 3 * HOUR)
        back = -self._world.span(SECOND, 90 * SECOND)
        self._world.leap(self._chance.choice([forward, back]))

    async def _revise(self) -> None:
        await self._world.apply(another(self._chance))

"""Alerts: single ones, repeats, more hosts, flapping, getting worse, and storms of different problems."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from engine.core.model import Alert, AlertStatus
from tests.simulation.facts import Heard
from tests.simulation.lives import Died
from tests.simulation.standard import HOUR, MINUTE
from tests.simulation.world import World

SERVICES = ("checkout", "search", "billing", "mail", "login", "reports")
TITLES = (
    "Queue is long",
    "Disk fills up",
    "Certificate ends soon",
    "Too many retries",
    "Replica is behind",
    "The system is down",
    "Data corruption found",
    "Authentication failing",
    "Feature unavailable",
)
URGENCIES: dict[tuple[str | None, str | None], int] = {
    ("P0", None): 3,
    ("P1", None): 4,
    ("P2", None): 4,
    ("P3", None): 3,
    ("P2", "critical"): 1,
    ("P1", "warning"): 1,
    (None, "critical"): 4,
    (None, "warning"): 4,
    (None, "info"): 3,
    (None, None): 6,
}
"""Labels `priority` and `severity`, and how often they come together."""
SECOND = timedelta(seconds=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """What is wrong somewhere, and how urgent its labels say it is."""

    service: str
    title: str
    priority: str | None
    severity: str | None

    @property
    def key(self) -> str:
        return f"{self.service}/{self.title}"

    def alert(self, host: int, *, firing: bool) -> Alert:
        labels = {"alertname": self.title.replace(" ", ""), "instance": f"host-{host}"}
        urgency = {"priority": self.priority, "severity": self.severity}
        return Alert(
            fingerprint=f"{self.key}/{host}",
            status=AlertStatus.FIRING if firing else AlertStatus.RESOLVED,
            title=self.title,
            service=self.service,
            group=self.title,
            labels=labels | {name: value for name, value in urgency.items() if value},
        )


class Senders:
    """Monitoring. It sends again what it got no answer to."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._chance = world.chance

    def begin(self) -> None:
        self._world.every(self._world.pace.problem, self.trouble)
        self._world.every(self._world.pace.storm, self.storm)

    async def trouble(self) -> None:
        shape = self._chance.choice(
            [self._single, self._single, self._repeats, self._hosts, self._flaps, self._worsens]
        )
        await shape(self._problem())

    async def storm(self) -> None:
        """Different problems within two minutes, some of them in the same moment."""
        self._world.on_storm()
        for _ in range(self._world.pace.storm_size // 2):
            one, other = self._problem(), self._problem()
            pair = [one, other] if one.key != other.key else [one]

            async def together(pair: Sequence[Problem] = pair) -> None:
                await asyncio.gather(*(self._single(problem) for problem in pair))

            self._world.later(self._world.span(SECOND, 2 * MINUTE), together)

    def _problem(self) -> Problem:
        labels = self._chance.choices(list(URGENCIES), weights=list(URGENCIES.values()))[0]
        service, title = self._chance.choice(SERVICES), self._chance.choice(TITLES)
        return Problem(service=service, title=title, priority=labels[0], severity=labels[1])

    async def _single(self, problem: Problem) -> None:
        await self.fire(problem, 1)
        if self._chance.random() < 0.6:
            self._clear(problem, [1], self._world.span(MINUTE, 5 * HOUR))

    async def _repeats(self, problem: Problem) -> None:
        every = self._world.span(2 * MINUTE, 3 * HOUR)
        for turn in range(1, self._chance.randrange(2, 6)):
            self._fire_later(problem, [1], every * turn)
        self._clear(problem, [1], every * 6)
        await self.fire(problem, 1)

    async def _hosts(self, problem: Problem) -> None:
        hosts = list(range(1, self._chance.randrange(3, 6)))
        await self.fire(problem, *hosts[:2])
        for host in hosts[2:]:
            self._fire_later(problem, [host], self._world.span(SECOND, HOUR))
        for host in hosts:
            self._clear(problem, [host], self._world.span(HOUR, 4 * HOUR))

    async def _flaps(self, problem: Problem) -> None:
        at = timedelta()
        for _ in range(self._chance.randrange(2, 6)):
            at += self._world.span(20 * SECOND, 9 * MINUTE)
            self._clear(problem, [1], at)
            at += self._world.span(20 * SECOND, 9 * MINUTE)
            self._fire_later(problem, [1], at)
        self._clear(problem, [1], at + self._world.span(MINUTE, HOUR))
        await self.fire(problem, 1)

    async def _worsens(self, problem: Problem) -> None:
        worse = replace(problem, priority=self._chance.choice(["P0", "P1"]))
        self._fire_later(worse, [self._chance.choice([1, 2])], self._world.span(MINUTE, 3 * HOUR))
        await self.fire(problem, 1)

    def _fire_later(self, problem: Problem, hosts: Sequence[int], span: timedelta) -> None:
        self._world.later(span, lambda: self.fire(problem, *hosts))

    def _clear(self, problem: Problem, hosts: Sequence[int], span: timedelta) -> None:
        self._world.later(span, lambda: self.clear(problem, *hosts))

    async def clear(self, problem: Problem, *hosts: int) -> None:
        await self._send(problem, hosts, firing=False)

    async def fire(self, problem: Problem, *hosts: int) -> None:
        await self._send(problem, hosts, firing=True)

    async def _send(self, problem: Problem, hosts: Sequence[int], *, firing: bool) -> None:
        process = self._world.anyone()
        if process is None:
            self._again(problem, hosts, firing=firing)
            return
        alerts = [problem.alert(host, firing=firing) for host in hosts]
        at = self._world.clock.now()
        try:
            outcomes = await self._world.crew.do(process, lambda engine: engine.accept(*alerts))
        except Died:
            refs: list[str | None] = [None for _ in alerts]
            self._again(problem, hosts, firing=firing)
            durable = None
        else:
            refs, durable = [one.incident for one in outcomes], True
        for alert, ref in zip(alerts, refs, strict=True):
            self._world.note(
                Heard(
                    at=at,
                    key=problem.key,
                    fingerprint=alert.fingerprint,
                    firing=firing,
                    title=problem.title,
                    priority=problem.priority,
                    severity=problem.severity,
                    durable=durable,
                    incident=ref,
                )
            )

    def _again(self, problem: Problem, hosts: Sequence[int], *, firing: bool) -> None:
        span = self._world.span(5 * SECOND, MINUTE)
        self._world.later(span, lambda: self._send(problem, hosts, firing=firing))

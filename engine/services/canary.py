"""A page on a schedule through the whole path, and a look whether it arrived: the pager tries itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Connection

from engine.core.model import OWN, Alert, AlertStatus, Delivery, Incident, MessageKind, Priority
from engine.core.policy import Canary
from engine.core.spans import spell
from engine.core.timeline import format_time
from engine.db import incidents, occurrences, outbox
from engine.services.context import Context
from engine.services.intake import Intake
from engine.services.selfreport import SelfReport

log = structlog.get_logger()

NAME = "canary"
LOOKED_AT = 20
"""Newest incidents of the canary's service that are looked at; one that is open among them is the one on its way."""

Arrived = Callable[[datetime, timedelta], None]
"""Told of each canary that has arrived: when it was sent, and how long that took from its opening."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Flight:
    """A canary on its way, with the pages that are to be it."""

    incident: Incident
    pages: tuple[Delivery, ...]

    @property
    def arrived(self) -> datetime | None:
        return min((page.sent_at for page in self.pages if page.sent_at), default=None)

    @property
    def trouble(self) -> str:
        errors = [f"{page.message.channel}: {page.error}" for page in self.pages if page.error]
        return "; ".join(errors) or "no page of it was sent"


class Canaries:
    def __init__(self, context: Context, intake: Intake, report: SelfReport, arrived: Arrived) -> None:
        self._context = context
        self._intake = intake
        self._report = report
        self._arrived = arrived

    async def look(self) -> None:
        """Sends one when its time has come, and looks after those on their way. Any engine may do either."""
        revision = await self._context.database.read(self._context.revisions.current)
        canary = revision.config.canary
        if canary is None:
            return
        now = self._context.clock.now()
        for flight in await self._context.database.read(lambda connection: in_flight(connection, canary)):
            await self._look_after(canary, flight, now)
        at = occurrences.slot(now, canary.every)
        if await self._context.database.write(lambda connection: occurrences.claim(connection, NAME, at, now)):
            await self._intake.accept([alert(canary, f"canary {format_time(at)}", AlertStatus.FIRING)], OWN)

    async def _look_after(self, canary: Canary, flight: Flight, now: datetime) -> None:
        opened = flight.incident.opened_at
        if flight.arrived is not None:
            self._arrived(flight.arrived, flight.arrived - opened)
            log.info("canary.arrived", incident=flight.incident.ref, took=spell(flight.arrived - opened))
        elif now - opened <= canary.within:
            return
        else:
            log.warning("canary.missing", incident=flight.incident.ref, why=flight.trouble)
            title = "A canary page did not arrive: real pages may not arrive either"
            why = f"{flight.incident.ref} of {format_time(opened)} has no receipt after {spell(canary.within)}"
            await self._report.tell(NAME, title, f"{why}: {flight.trouble}.")
        await self._intake.accept([alert(canary, flight.incident.group, AlertStatus.RESOLVED)], OWN)


def alert(canary: Canary, name: str, status: AlertStatus) -> Alert:
    """Each occurrence has a name of its own, so that each is an incident of its own."""
    return Alert(
        fingerprint=name,
        status=status,
        title="Canary: this page is a test of the pager, nothing has to be done",
        service=canary.service,
        group=name,
        labels={"alertname": "TocsinCanary", "priority": Priority.P2.value},
    )


def in_flight(connection: Connection, canary: Canary) -> list[Flight]:
    """Those of our own that nobody has looked after yet."""
    found = incidents.listing(connection, service=canary.service, limit=LOOKED_AT)
    going = [one for one in found if one.source == OWN.id and one.state.active]
    deliveries = outbox.of(connection, [one.id for one in going])
    return [Flight(incident=one, pages=_pages(deliveries[one.id])) for one in going]


def _pages(deliveries: Iterable[Delivery]) -> tuple[Delivery, ...]:
    return tuple(one for one in deliveries if one.message.kind is MessageKind.PAGE)

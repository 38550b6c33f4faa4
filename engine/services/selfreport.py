"""What goes wrong inside becomes an incident of its own, on the same path as everybody's: someone has to look."""

from __future__ import annotations

from collections.abc import Collection

import structlog

from engine.core.model import OWN, Alert, AlertStatus, Priority, incident_id
from engine.db import incidents
from engine.services.context import Context
from engine.services.intake import Intake

log = structlog.get_logger()

SERVICE = "tocsin"
SHOWN = 5


class SelfReport:
    def __init__(self, context: Context, intake: Intake) -> None:
        self._context = context
        self._intake = intake

    async def timers_set_aside(self, refs: Collection[str]) -> None:
        await self._set_aside("timer", refs, "Their escalation has stopped: look at them and page by hand")

    async def messages_set_aside(self, refs: Collection[str]) -> None:
        await self._set_aside("message", refs, "A message about them was not sent: look who has to be told")

    async def tell(self, what: str, title: str, summary: str) -> None:
        """Opens an incident, or joins the one that is open for `what`. What can't even be told is in the log."""
        await self._send(_alert(what, AlertStatus.FIRING, title, summary))

    async def over(self, what: str) -> None:
        """The fault is gone: its incident ends as one of any sender does whose alerts have all cleared."""
        await self._send(_alert(what, AlertStatus.RESOLVED, f"Over: {what}"))

    async def _send(self, alert: Alert) -> None:
        try:
            await self._intake.accept([alert], OWN)
        except Exception:  # the edge of the loop that has met the fault, which has to go on
            log.exception("selfreport.not_told", fault=alert.group, title=alert.title)

    async def _set_aside(self, what: str, refs: Collection[str], then: str) -> None:
        """An incident of our own that fails as well is not told of again: that would never end."""
        others = await self._others(refs)
        if not others:
            return
        shown = ", ".join(others[:SHOWN]) + (f" and {len(others) - SHOWN} more" if len(others) > SHOWN else "")
        title = f"A {what} of {shown} could not be worked and is set aside"
        await self.tell(what, title, f"{then}. The engine's log has the fault.")

    async def _others(self, refs: Collection[str]) -> list[str]:
        numbers = [incident_id(ref) for ref in dict.fromkeys(refs)]
        sources = await self._context.database.read(lambda connection: incidents.sources_of(connection, numbers))
        return [f"INC-{number}" for number in numbers if sources.get(number) != OWN.id]


def fingerprint(what: str) -> str:
    return f"tocsin:{what}"


def _alert(what: str, status: AlertStatus, title: str, summary: str = "") -> Alert:
    return Alert(
        fingerprint=fingerprint(what),
        status=status,
        title=title,
        summary=summary,
        service=SERVICE,
        group=what,
        labels={"alertname": "TocsinFault", "fault": what, "priority": Priority.P1.value},
    )

"""Whether what senders send can be read. What can't be, time and again, is somebody's lost alerts: it is told of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection

from engine.core.model import OWN
from engine.core.requests import kept_problem
from engine.db.placing import Wanted, find
from engine.services.context import Context
from engine.services.requests import Came
from engine.services.selfreport import SelfReport, fingerprint

IN_A_ROW = 3
"""One may be somebody's try by hand, two are that and a repeat of it; three are a sender that has changed, or settings
that were never right."""
UNREADABLE = frozenset({400, 422})
"""400 is what PagerDuty's API says where the webhooks say 422."""


class Readability:
    """Each engine counts what it has answered itself, from its start on. Whether it has been told is on record, so of
    several engines one opens the incident, and any of them ends it."""

    def __init__(self, context: Context, report: SelfReport) -> None:
        self._context = context
        self._report = report
        self._row: dict[str, int] = {}

    async def look(self, batch: Sequence[Came]) -> None:
        """At requests that were answered, in their order. An answer that is neither a yes nor about the body, like 401
        or 503, says nothing of it. Raises Overloaded."""
        last: dict[str, Came] = {}
        for came in batch:
            name, status = came.request.integration, came.request.status
            if status in UNREADABLE:
                self._row[name] = self._row.get(name, 0) + 1
                last[name] = came
            elif came.readable:
                self._row[name] = 0
                last[name] = came
        told = await self._told(name for name in last if not 0 < self._row[name] < IN_A_ROW)
        for name, came in last.items():
            if self._row[name] >= IN_A_ROW and name not in told:
                await self._tell(name, came)
            elif not self._row[name] and name in told:
                await self._report.over(_fault(name))

    async def _told(self, names: Iterable[str]) -> set[str]:
        """Those of them of which an incident is open."""
        asked = list(names)
        wanted = [Wanted(key="", source=OWN.id, fingerprint=fingerprint(_fault(name))) for name in asked]

        def work(connection: Connection) -> set[str]:
            found = find(connection, wanted).found
            return {name for name, place in zip(asked, found, strict=True) if place.active is not None}

        return await self._context.database.read(work) if asked else set()

    async def _tell(self, name: str, came: Came) -> None:
        problem = kept_problem(came.request.problem or "", came.secrets)
        summary = (
            f"{self._row[name]} requests in a row could not be read, and the alerts in them are not taken. "
            f"The last: {problem.rstrip('.')}. See: tocsin request list --integration {name} --problems"
        )
        await self._report.tell(_fault(name), f"What the integration {name} sends can't be read", summary)


def _fault(integration: str) -> str:
    return f"unreadable {integration}"

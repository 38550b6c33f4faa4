"""Pages whose provider is out take another way to the same person at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection

from engine.core.draft import Draft
from engine.core.fallback import go_around
from engine.db import outbox
from engine.db.outbox import Claimed
from engine.services.cases import Ledger, gather
from engine.services.context import Channels, Context
from engine.services.parcels import why_unwanted


def detour(
    connection: Connection,
    context: Context,
    channels: Channels,
    waiting: Sequence[Claimed],
    out: Mapping[str, str],
    now: datetime,
) -> None:
    """The transaction. It comes after the one that found them waiting, for commands lock incidents first."""
    for claimed in waiting:
        gathered = gather(connection, context, [claimed.incident], channels)[claimed.incident]
        incident = gathered.case.incident
        if why_unwanted(claimed, incident):
            continue
        siblings = outbox.of(connection, [incident.id], since=incident.cycle_started_at)[incident.id]
        draft = Draft(gathered.case, now)
        go_around(draft, claimed.delivery, siblings, out)
        if draft.events:
            ledger = Ledger(connection, channels, now)
            ledger.change(gathered, draft.decision("goes around"))
            ledger.flush()

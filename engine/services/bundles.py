"""What a message says that stands for several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from engine.core.headline import bundle_headline
from engine.core.model import Incident, incident_ref
from engine.db.outbox import Claimed
from engine.ports import Envelope, Mention
from engine.services.context import Context
from engine.services.envelopes import as_told, lateness


def bundled(
    connection: Connection,
    context: Context,
    group: Sequence[Claimed],
    found: Mapping[int, Incident],
    envelope: Envelope,
) -> Envelope:
    """The envelope of the first of them, made that of all. One that goes out alone keeps its own, but for the name
    under which an earlier try of it has gone out with others."""
    own = replace(envelope, id=group[0].sent_as or envelope.id)
    if len(group) == 1:
        return own
    mentions = tuple(_mention(one, found[one.incident], envelope.now) for one in group)
    late = max((one.late_by for one in mentions if one.late_by), default=None)
    repeated = all(one.maybe_sent for one in group)
    line = bundle_headline([(one.incident, one.message) for one in mentions], own.zone, repeated=repeated)
    return replace(own, headline=line, repeated=repeated, late_by=late, bundle=mentions)


def _mention(claimed: Claimed, incident: Incident, now: datetime) -> Mention:
    name = f"{incident_ref(claimed.incident)}/{claimed.delivery.id}"
    late = lateness(claimed, now)
    shown, told = as_told(claimed, incident)
    return Mention(id=name, incident=shown, message=told, late_by=late)

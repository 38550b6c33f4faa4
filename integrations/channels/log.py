"""The log as a channel: for a machine on which nothing else is configured yet, and for drills."""

from __future__ import annotations

import structlog
from pydantic import BaseModel, ConfigDict

from engine.ports import Envelope, Receipt
from integrations.channels import Resources
from integrations.channels.foreign import LINE, one_line
from integrations.channels.together import bundle_lines
from integrations.channels.wording import expected, incident_url, marks, place, zone_name

MOST_LISTED = 20
LONGEST = {"together": 2_000}

log: structlog.stdlib.BoundLogger = structlog.get_logger()


class Settings(BaseModel):
    """The log has none."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class LogChannel:
    """Always there, reaches whoever reads the log; the address may be empty."""

    kind = "log"
    updatable = False

    def __init__(self, name: str, settings: Settings, resources: Resources) -> None:
        del settings, resources
        self.name = name

    def configured(self) -> str | None:
        return None

    async def send(self, envelope: Envelope) -> Receipt:
        log.warning("page", **render(envelope))
        return Receipt(reference=envelope.id)

    async def close(self) -> None:
        """Nothing is held open."""


def render(envelope: Envelope) -> dict[str, str]:
    """The facts by name, each on one line; what there is nothing to say about is left out."""
    incident, message = envelope.incident, envelope.message
    facts = {
        "headline": envelope.headline,
        "incident": incident.ref,
        "kind": message.kind.value,
        "to": envelope.recipient or message.contact or message.address,
        "place": place(message),
        "expected": expected(envelope),
        "zone": zone_name(envelope.zone, envelope.now),
        "marks": " ".join(marks(envelope)),
        "service": incident.service,
        "reason": message.reason,
        "together": "; ".join(str(line) for line in bundle_lines(envelope, most=MOST_LISTED)),
        "next_step": envelope.next_step,
        "url": incident_url(envelope) or "",
    }
    return {name: shown for name, value in facts.items() if (shown := one_line(value, LONGEST.get(name, LINE)))}

"""Healthchecks' webhook integration, with the body that its page here gives.

healthchecks.io/docs
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import msgspec
from pydantic import BaseModel, Field

from engine.core.model import Alert, AlertStatus
from engine.ports import Parsed, Request
from integrations.sources.reading import LABEL, TITLE, line, read_one, required, status_of
from integrations.sources.signatures import ByToken, TokenSettings
from integrations.sources.tags import Severity, graded, listed, tag_labels
from integrations.sources.told import Told

STATUSES = {"down": AlertStatus.FIRING, "up": AlertStatus.RESOLVED}
NOT_KNOWN = "-1"
"""What Healthchecks says of the exit status of a ping that had none."""


class Settings(TokenSettings):
    """`token`: what its request headers send as `Authorization: Bearer`. Without, the address is the secret."""

    severity: Annotated[Severity, Field(description="of a check without a tag `severity`")] = "critical"


class Sent(msgspec.Struct, frozen=True):
    code: Any = None
    name: Any = None
    status: Any = None
    tags: Any = None
    now: Any = None
    url: Any = None
    exit_status: Any = None
    output: Any = None


class Healthchecks(ByToken):
    name = "healthchecks"
    title = "Healthchecks"
    settings: type[BaseModel] = Settings
    example = b"""{
  "code": "8e5e4d2c-0b0a-4a57-9d3c-1f0d2b7a9c11",
  "name": "Nightly export of checkout",
  "status": "down",
  "tags": "service:checkout nightly",
  "now": "2026-11-20T03:10:00+00:00",
  "exit_status": "1",
  "url": "https://healthchecks.io/checks/8e5e4d2c-0b0a-4a57-9d3c-1f0d2b7a9c11/details/"
}"""
    example_resolved = (
        example.replace(b'"down"', b'"up"')
        .replace(b'"exit_status": "1"', b'"exit_status": "0"')
        .replace(b"10:", b"20:")
    )
    example_headers: Mapping[str, str] = {}

    def parse(self, settings: Settings, request: Request, now: datetime) -> Parsed:
        del now
        return read_one(Sent, request.body, lambda sent: read(settings, sent))


def read(settings: Settings, sent: Sent) -> Alert:
    code = required(line(sent.code, LABEL), "$.code", "$CODE")
    status = status_of(sent.status, STATUSES, "$.status")
    name = line(sent.name, TITLE) or f"Check {code}"
    exit_status = None if line(sent.exit_status, LABEL) == NOT_KNOWN else sent.exit_status
    fields = {"alertname": name, "exit_status": exit_status}
    return Told(
        fingerprint=code,
        status=status,
        title=f"{name}: {line(sent.status, LABEL).lower()}",
        summary=sent.output,
        labels=graded(fields | tag_labels(listed(sent.tags, None)), settings.severity),
        links=[("Healthchecks", sent.url)],
        at=sent.now,
    ).alert()

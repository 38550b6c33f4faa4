"""Opsgenie: the body of its alert API's Create Alert, and what its own webhook integration sends.

docs.opsgenie.com/docs/alert-api
docs.opsgenie.com/docs/opsgenie-edge-connector-alert-action-data

The API says in the address what is to be done about an alert; here it stands in the body, as the webhooks have it:

    {"action": "Acknowledge", "alert": {"alias": "…"}, "user": "…", "note": "…"}
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from pydantic import BaseModel

from engine.core.classify import read_values
from engine.core.commands import Acknowledge, Note
from engine.core.errors import Unreadable
from engine.core.model import Alert, AlertStatus
from engine.ports import Parsed, Request, Wish
from integrations.sources.reading import (
    ANNOTATION,
    KNOWN_LINKS,
    LABEL,
    SUMMARY,
    TITLE,
    decode,
    digest,
    line,
    links,
    service_of,
    shallow,
    text,
    texts,
    tidy,
)
from integrations.sources.reading import details as read_details
from integrations.sources.signatures import ByToken, TokenSettings
from integrations.sources.times import read_time

ALIAS = 512
NAME = 100
NOTE = 10_000
"""Characters. The first is Opsgenie's own limit."""

PRIORITIES: Mapping[str, Mapping[str, str]] = {
    "P1": {"priority": "P0", "severity": "critical"},
    "P2": {"priority": "P1"},
    "P3": {"priority": "P2"},
    "P4": {"priority": "P3"},
    "P5": {"priority": "P3", "severity": "info"},
}
"""Opsgenie's priorities (critical, high, moderate, low, informational) as our labels. P4 goes to the operations queue
in business hours, P5 is information and pages nobody: support.atlassian.com/opsgenie/docs/what-are-alert-priorities"""


class Settings(TokenSettings):
    """`token`: what Opsgenie's webhook sends as `Authorization: Bearer`. Without, the address is the secret."""


class Sent(msgspec.Struct, frozen=True):
    """An alert, or something about one that is there. Whatever can be odd in it is looked at one by one."""

    action: Any = None
    alert: Any = None
    message: Any = None
    user: Any = None
    note: Any = None


SENT = msgspec.json.Decoder(Sent)
JSON = msgspec.json.Decoder()


class Opsgenie(ByToken):
    name = "opsgenie"
    title = "Opsgenie"
    settings: type[BaseModel] = Settings
    example = b"""{
  "action": "Create",
  "alert": {
    "alertId": "052652ac-5d1c-464a-812a-7dd18bbfba8c-1795143000315",
    "tinyId": "1791",
    "alias": "checkout/error-rate",
    "message": "12% of checkouts fail on web-1",
    "description": "More than 5% of the requests have failed for 2 minutes.",
    "priority": "P1",
    "entity": "web-1",
    "source": "https://monitoring.example/checks/17",
    "tags": ["shop", "eu"],
    "responders": [{"id": "4513b7ea-3b91-438f-b7e4-e3e54af9147c", "type": "team", "name": "payments"}],
    "details": {"service": "checkout", "runbook_url": "https://runbooks.example/high-error-rate"},
    "createdAt": 1795143000315
  },
  "integrationName": "Monitoring"
}"""
    example_resolved = example.replace(b'"Create"', b'"Close"')
    example_headers: Mapping[str, str] = {}

    def parse(self, settings: Settings, request: Request, now: datetime) -> Parsed:
        del settings, now
        with shallow():
            return _read(tidy(request.body))


def _read(body: bytes) -> Parsed:
    sent = decode(SENT, body)
    if sent.action is None and sent.alert is None:
        fields = decode(JSON, body)
        return Parsed(alerts=(_firing(fields, "$"),))
    fields = sent.alert
    if not isinstance(fields, dict):
        raise Unreadable("$.alert", "must be an object")
    match sent.action:
        case "Create":
            return Parsed(alerts=(_firing(fields, "$.alert"),))
        case "Close":
            return Parsed(alerts=(_closed(fields),), wishes=_noted(sent, fields))
        case "Acknowledge":
            wish = Wish(fingerprint=_required_alias(fields), command=Acknowledge(), by=_who(sent, fields))
            return Parsed(alerts=(), note="somebody has it already", wishes=(wish, *_noted(sent, fields)))
        case "AddNote":
            return Parsed(alerts=(), note="a note on an alert", wishes=_noted(sent, fields, required=True))
        case _:
            action = line(sent.action, NAME)
            return Parsed(alerts=(), note=f"{action or 'nothing'} is nothing that Tocsin follows")


def _alias(fields: Mapping[str, Any], path: str) -> str:
    """As it was sent, for it identifies the alert and is asked for by the sender; "" where the alert has none."""
    alias = fields.get("alias")
    if alias is None:
        return text(fields.get("alertId"), ALIAS).strip()
    if not isinstance(alias, str):
        raise Unreadable(f"{path}.alias", "must be a text")
    if len(alias) > ALIAS:
        raise Unreadable(f"{path}.alias", f"can not be longer than {ALIAS} characters")
    return text(alias, ALIAS) if alias.strip() else ""


def _required_alias(fields: Mapping[str, Any]) -> str:
    alias = _alias(fields, "$.alert")
    if not alias:
        raise Unreadable("$.alert.alias", "can not be empty")
    return alias


def _who(sent: Sent, fields: Mapping[str, Any]) -> str:
    return line(sent.user or fields.get("username"), NAME)


def _noted(sent: Sent, fields: Mapping[str, Any], *, required: bool = False) -> tuple[Wish, ...]:
    note = text(sent.note or fields.get("note"), NOTE).strip()
    if not note and required:
        raise Unreadable("$.note", "can not be empty")
    if not note:
        return ()
    return (Wish(fingerprint=_required_alias(fields), command=Note(text=note), by=_who(sent, fields)),)


def _firing(fields: object, path: str) -> Alert:
    if not isinstance(fields, dict):
        raise Unreadable(path, "must be an object")
    message = text(fields.get("message"), SUMMARY).strip()
    if not message:
        raise Unreadable(f"{path}.message", "can not be empty")
    priority = fields.get("priority")
    if priority not in (None, "") and (not isinstance(priority, str) or priority not in PRIORITIES):
        raise Unreadable(f"{path}.priority", "must be one of P1, P2, P3, P4, P5")
    labels, annotations = _labels(fields)
    if priority:
        labels |= {**PRIORITIES[priority], "opsgenie_priority": priority}
    return Alert(
        fingerprint=_alias(fields, path) or digest(fields),
        status=AlertStatus.FIRING,
        title=line(message, TITLE),
        summary=text(fields.get("description"), SUMMARY) or (message if len(message) > TITLE else ""),
        service=service_of(labels),
        labels=labels,
        annotations=annotations,
        values=read_values(labels, annotations),
        links=links(
            [
                ("Source", fields.get("source")),
                *((title, annotations.get(name)) for title, name in KNOWN_LINKS),
            ]
        ),
        starts_at=read_time(fields.get("createdAt")),
    )


def _closed(fields: Mapping[str, Any]) -> Alert:
    """Only the alias counts; through the API there is nothing else."""
    alias = _required_alias(fields)
    labels, _ = _labels(fields)
    return Alert(
        fingerprint=alias,
        status=AlertStatus.RESOLVED,
        title=line(fields.get("message"), TITLE) or line(alias, TITLE),
        service=service_of(labels),
        labels=labels,
        ends_at=read_time(fields.get("updatedAt")),
    )


def _labels(fields: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, str]]:
    """Labels and annotations. The alert's own fields come before details of the same name; `team` is the first one that
    responds, so that a route can give its alerts to a service."""
    labels, annotations = read_details(fields.get("details"))
    responders = _names(fields.get("responders"))
    teams = _names(fields.get("responders"), "team") or _names(fields.get("teams"))
    own = {
        "entity": fields.get("entity"),
        "source": fields.get("source"),
        "tags": ", ".join(_names(fields.get("tags"))),
    }
    own["responders"] = ", ".join(responders)
    labels |= {name: shown for name, value in own.items() if (shown := line(value, LABEL))}
    if teams:
        labels.setdefault("team", line(teams[0], LABEL))
    return labels, annotations | texts(_said(fields), ANNOTATION)


def _said(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: fields[name] for name in ("note", "user", "actions") if fields.get(name)}


def _names(items: object, kind: str | None = None) -> list[str]:
    """Texts as they are; of objects the name, or the id where that is all there is."""
    if not isinstance(items, list):
        return []
    shown = []
    for item in items:
        if isinstance(item, dict) and kind in (None, item.get("type")):
            shown.append(line(item.get("name") or item.get("username") or item.get("id"), LABEL))
        elif kind is None and not isinstance(item, dict):
            shown.append(line(item, LABEL))
    return [name for name in shown if name]

"""Zabbix, by the media type in `deploy/zabbix-media-type.yaml`: its macros, each under its own name.

www.zabbix.com/documentation/current/en/manual/appendix/macros/supported_by_location
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from pydantic import BaseModel

from engine.core.classify import read_values
from engine.core.errors import Unreadable
from engine.core.model import Alert, AlertStatus
from engine.ports import Parsed, Request
from integrations.sources.reading import (
    FINGERPRINT,
    LABEL,
    NAME,
    TITLE,
    decode,
    identity,
    items,
    line,
    links,
    members,
    paragraphs,
    read_each,
    tagged_service,
    text,
    texts,
    tidy,
)
from integrations.sources.severity import Severity
from integrations.sources.signatures import ByToken, TokenSettings
from integrations.sources.times import read_time

SEVERITIES: Mapping[str, Severity] = {
    "0": "warning",  # not classified: nobody has said that it can wait until the morning
    "1": "info",  # information
    "2": "warning",  # warning
    "3": "warning",  # average
    "4": "critical",  # high
    "5": "critical",  # disaster
}
"""By number, for an installation may give them other names."""

UNFILLED = re.compile(r"\{[$A-Z][A-Z0-9._#$]*\}|\*UNKNOWN\*")
"""A macro that Zabbix did not fill in: it has no value there, or this version does not know it."""

UNASKED = {"1": "discovery", "2": "autoregistration"}
"""Sources of events that are no problems."""

VALUES = {"1": AlertStatus.FIRING, "0": AlertStatus.RESOLVED}


class Settings(TokenSettings):
    """`token`: the media type's parameter of that name. Without, the address is the secret."""


FIELDS = msgspec.json.Decoder(dict[str, Any])
TAGS = msgspec.json.Decoder()


class Zabbix(ByToken):
    name = "zabbix"
    title = "Zabbix"
    settings: type[BaseModel] = Settings
    example = rb"""{
  "event_id": "4711",
  "event_name": "Checkout: more than 5% of the requests fail",
  "event_nseverity": "5",
  "event_opdata": "Errors: 12 %",
  "event_recovery_timestamp": "{EVENT.RECOVERY.TIMESTAMP}",
  "event_severity": "Disaster",
  "event_source": "0",
  "event_tags": "[{\"tag\":\"service\",\"value\":\"checkout\"},{\"tag\":\"scope\",\"value\":\"availability\"}]",
  "event_timestamp": "1795144200",
  "event_update_action": "",
  "event_update_status": "0",
  "event_value": "1",
  "host_ip": "192.0.2.7",
  "host_name": "web-1",
  "host_groups": "Shop, Web servers",
  "trigger_description": "Roll the last release back.",
  "trigger_id": "13926",
  "trigger_url": "https://runbooks.example/checkout",
  "zabbix_url": "https://zabbix.example.com"
}"""
    example_resolved = example.replace(b'"event_value": "1"', b'"event_value": "0"').replace(
        b"{EVENT.RECOVERY.TIMESTAMP}", b"1795145000"
    )
    example_headers: Mapping[str, str] = {}

    def parse(self, settings: Settings, request: Request, now: datetime) -> Parsed:
        del settings, now
        sent = decode(FIELDS, tidy(request.body))
        told = {name: value for name, value in sent.items() if not _unfilled(value)}
        if source := UNASKED.get(line(told.get("event_source"), NAME)):
            return Parsed(alerts=(), note=f"an event of {source}, which is no problem")
        if _only_talk(told):
            return Parsed(alerts=(), note="somebody has said something of the problem, which changes nothing here")
        return read_each([told], _read, lambda _: "$")


def _unfilled(value: object) -> bool:
    return isinstance(value, str) and UNFILLED.fullmatch(value) is not None


def _only_talk(told: Mapping[str, Any]) -> bool:
    """An update that is no change of severity must not open again what somebody has resolved here."""
    update, action = line(told.get("event_update_status"), NAME), line(told.get("event_update_action"), LABEL)
    return update == "1" and line(told.get("event_value"), NAME) == "1" and "severity" not in action


def _read(told: Mapping[str, Any]) -> Alert:
    status = VALUES.get(line(told.get("event_value"), NAME))
    if status is None:
        raise Unreadable("$.event_value", "neither 1 (a problem) nor 0 (over); Zabbix's own Test fills in no macro")
    event = line(told.get("event_id"), NAME)
    if not event:
        raise Unreadable("$.event_id", "missing; a problem is known by it")
    labels, trigger = _labels(told), line(told.get("trigger_id"), NAME)
    return Alert(
        fingerprint=identity(event, FINGERPRINT),
        status=status,
        title=line(told.get("event_name"), TITLE) or f"Event {event}"[:TITLE],
        summary=paragraphs(told.get("event_opdata"), told.get("trigger_description")),
        service=tagged_service(labels),
        # A trigger that flaps makes an event each time, and is one problem.
        group=f"trigger {trigger}" if trigger else "",
        labels=labels,
        values=read_values(labels, {}),
        links=links([("Zabbix", _event_url(told, trigger, event)), ("Trigger", told.get("trigger_url"))]),
        starts_at=read_time(told.get("event_timestamp")),
        ends_at=read_time(told.get("event_recovery_timestamp")) if status is AlertStatus.RESOLVED else None,
    )


def _event_url(told: Mapping[str, Any], trigger: str, event: str) -> str:
    base = text(told.get("zabbix_url"), LABEL).rstrip("/")
    return f"{base}/tr_events.php?triggerid={trigger}&eventid={event}" if base and trigger else base


def _labels(told: Mapping[str, Any]) -> dict[str, str]:
    own = {
        "alertname": told.get("event_name"),
        "severity": SEVERITIES.get(line(told.get("event_nseverity"), NAME), "critical"),
        "zabbix_severity": told.get("event_severity"),
        "host": told.get("host_name"),
        "host_ip": told.get("host_ip"),
        "host_groups": told.get("host_groups"),
    }
    return texts({**_tags(told.get("event_tags")), **own}, LABEL)


def _tags(sent: object) -> dict[str, str]:
    """Of a tag that comes more than once, all its values."""
    try:
        tags = decode(TAGS, sent.encode("utf-8", "replace")) if isinstance(sent, str) else sent
    except Unreadable:  # not worth a page that is lost
        return {}
    named: dict[str, str] = {}
    for tag in map(members, items(tags)):
        name, value = line(tag.get("tag"), NAME), line(tag.get("value"), LABEL)
        named[name] = f"{named[name]}, {value}" if named.get(name) else value
    return named

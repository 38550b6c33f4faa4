"""Nagios and Icinga 2, by the script in `deploy/nagios-notify.sh`: a form, one field for each macro.

assets.nagios.com/downloads/nagioscore/docs/nagioscore/4/en/macrolist.html
icinga.com/docs/icinga-2/latest/doc/03-monitoring-basics/#runtime-macros
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from urllib.parse import parse_qsl

from pydantic import BaseModel

from engine.core.classify import read_values
from engine.core.errors import Unreadable
from engine.core.model import Alert, AlertStatus
from engine.ports import Parsed, Request
from integrations.sources.reading import (
    FINGERPRINT,
    LABEL,
    TITLE,
    identity,
    line,
    links,
    paragraphs,
    tagged_service,
    texts,
)
from integrations.sources.severity import Severity
from integrations.sources.signatures import ByToken, TokenSettings
from integrations.sources.times import read_time

SEVERITIES: Mapping[str, Severity] = {
    "CRITICAL": "critical",
    "DOWN": "critical",
    "WARNING": "warning",
    "UNKNOWN": "warning",
    "UNREACHABLE": "warning",
    "OK": "info",
    "UP": "info",
}
OVER = ("OK", "UP")

FLAPS = "FLAPPINGSTART"
TELLING = ("PROBLEM", "RECOVERY", "CUSTOM", FLAPS, "FLAPPINGSTOP", "FLAPPINGEND", "FLAPPINGDISABLED")
"""Types after which the state is what it says. The others tell of an acknowledgement or of a downtime."""

LABELS = "label_"
"""Before the names of fields that become labels."""

MOST_FIELDS = 100
UNFILLED = re.compile(r"\$[A-Za-z0-9_.:]+\$")
"""A macro that is not known, like a custom variable that this host does not have."""


class Settings(TokenSettings):
    """`token`: what the script's configuration sends as a bearer token. Without, the address is the secret."""


class Nagios(ByToken):
    name = "nagios"
    title = "Nagios and Icinga 2"
    settings: type[BaseModel] = Settings
    example = (
        b"type=PROBLEM&host=web-1&address=192.0.2.7&check=checkout&state=CRITICAL&output=HTTP%20CRITICAL%3A%20503"
        b"&long_output=12%20of%20100%20requests%20fail&time=1795144200&since=1795144200&groups=shop"
        b"&url=https%3A%2F%2Ficinga.example.com%2Ficingadb%2Fservice%3Fname%3Dcheckout%26host.name%3Dweb-1"
        b"&label_service=checkout&label_team=payments"
    )
    example_resolved = (
        example.replace(b"type=PROBLEM", b"type=RECOVERY")
        .replace(b"state=CRITICAL", b"state=OK")
        .replace(b"HTTP%20CRITICAL%3A%20503", b"HTTP%20OK")
    )
    example_headers: Mapping[str, str] = {"content-type": "application/x-www-form-urlencoded"}

    def parse(self, settings: Settings, request: Request, now: datetime) -> Parsed:
        del settings, now
        told = _fields(request.body)
        kind, state = told.get("type", "").upper(), told.get("state", "").upper()
        if not told.get("host"):
            raise Unreadable("$.host", "missing; a form is expected, as deploy/nagios-notify.sh sends it")
        if not kind:
            raise Unreadable("$.type", "missing; it is the macro NOTIFICATIONTYPE, or notification.type")
        if kind not in TELLING or (kind == "CUSTOM" and state in OVER):
            return Parsed(alerts=(), note=line(f"{kind}, after which there is neither a new problem nor an end", TITLE))
        return Parsed(alerts=(_read(told, kind, state),))


def _fields(body: bytes) -> dict[str, str]:
    """Without those that are empty or that nobody filled in. What is not UTF-8 is replaced: plugins write anything."""
    try:
        pairs = parse_qsl(body.decode("latin-1"), errors="replace", max_num_fields=MOST_FIELDS)
    except ValueError as error:
        raise Unreadable("$", f"not a form of at most {MOST_FIELDS} fields") from error
    return {name: value.strip() for name, value in pairs if value.strip() and not UNFILLED.fullmatch(value)}


def _read(told: Mapping[str, str], kind: str, state: str) -> Alert:
    host, check = line(told["host"], LABEL), line(told.get("check"), LABEL)
    where = f"{check} on {host}" if check else host
    over = kind == "RECOVERY" or (state in OVER and kind != FLAPS)
    labels = _labels(told, host, check, state if over or state not in OVER else "WARNING")
    at = read_time(told.get("time"))
    return Alert(
        # Neither name can hold an exclamation mark.
        fingerprint=identity(f"{host}!{check}" if check else host, FINGERPRINT),
        status=AlertStatus.RESOLVED if over else AlertStatus.FIRING,
        title=line(f"{where} is flapping" if kind == FLAPS else f"{where} is {state or kind}", TITLE),
        summary=paragraphs(told.get("output"), told.get("long_output", "").replace("\\n", "\n"), told.get("comment")),
        service=tagged_service(labels),
        labels=labels,
        values=read_values(labels, {}),
        links=links([("Monitoring", _address(told.get("url"))), ("Notes", _address(told.get("notes_url")))]),
        starts_at=None if over else read_time(told.get("since")) or at,
        ends_at=at if over else None,
    )


def _address(written: str | None) -> str:
    """The names in it are filled in by a macro, as they are."""
    return (written or "").replace(" ", "%20")


def _labels(told: Mapping[str, str], host: str, check: str, state: str) -> dict[str, str]:
    own = {
        "alertname": check or "host",
        "severity": SEVERITIES.get(state, "critical"),
        "host": host,
        "address": told.get("address"),
        "check": check,
        "groups": told.get("groups"),
    }
    tags = {name.removeprefix(LABELS): value for name, value in told.items() if name.startswith(LABELS)}
    return texts({**tags, **own}, LABEL)

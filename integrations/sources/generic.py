"""Any sender of JSON: what is where in the body is said by JMESPath expressions (jmespath.org).

The defaults read what most programs send:

    {"title": "Checkout fails", "severity": "critical", "service": "checkout", "status": "firing", "labels": {…}}

Flat fields become labels too, except those that are read for something else. A sender that gives no fingerprint gets
the hash of the service, the title, the labels, and the flat fields that say where (`host`, `region`, …). How bad it is
and whether it is over are left out, so that every message about one problem has the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cached_property
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from engine.core.classify import read_values
from engine.core.errors import Unreadable
from engine.core.model import Alert, AlertStatus, Link
from engine.core.policy import Model
from engine.ports import Parsed, Request
from integrations.sources.expressions import Expression
from integrations.sources.reading import (
    FINGERPRINT,
    GROUP,
    JSON,
    KNOWN_LINKS,
    LABEL,
    NAME,
    SERVICE,
    SUMMARY,
    TITLE,
    decode,
    digest,
    identity,
    line,
    links,
    read_each,
    text,
    texts,
    tidy,
)
from integrations.sources.signatures import Secret, check_signature
from integrations.sources.times import read_time

RESOLVED = (
    *("resolved", "resolve", "ok", "okay", "up", "closed", "close", "recovered", "recovery"),
    *("cleared", "clear", "normal", "success", "inactive"),
)

WHERE = frozenset(
    {
        *("alertname", "check", "monitor", "host", "hostname", "instance", "node", "device", "resource"),
        *("cluster", "namespace", "environment", "env", "region", "zone"),
    }
)
"""Flat fields that tell one problem from another of the same title."""

HOW_BAD = frozenset({"severity", "priority", "status", "state"})
"""Labels that change while the problem stays the same."""


def pick(text: str, description: str) -> Any:
    return Field(default=Expression(text), description=description)


class Fields(Model):
    """Where an alert's fields are; JMESPath each. All but `alerts` are evaluated on one alert."""

    alerts: Expression = pick("@", "the alerts in the body; a list is one alert per element")
    title: Expression = pick(
        "title || name || alertname || labels.alertname || subject || summary || message", "one line; required"
    )
    summary: Expression = pick("summary || description || message || text || body", "the details")
    status: Expression = pick("status || state", "firing, unless it is one of `resolved_when`")
    fingerprint: Expression = pick("fingerprint || dedup_key || alias", "the same for every message about one problem")
    service: Expression = pick(
        "service || service_name || app || application || labels.service || labels.app", "what is affected"
    )
    group: Expression = pick("group || group_key", "alerts of one service and group become one incident")
    severity: Expression = pick("severity || labels.severity || level", "becomes the label `severity`")
    priority: Expression = pick("priority || labels.priority", "becomes the label `priority`")
    labels: Expression = pick("labels", "an object of texts")
    links: Expression = pick("links || url || link", "an address, a list of them, or an object of title and address")
    starts_at: Expression = pick("starts_at || startsAt || started_at || timestamp || time", "since when")
    ends_at: Expression = pick("ends_at || endsAt || resolved_at || ended_at", "until when")

    @cached_property
    def read_elsewhere(self) -> frozenset[str]:
        """The flat fields that are no labels because they are something else."""
        others = (self.status, self.fingerprint, self.group, self.labels, self.links, self.starts_at, self.ends_at)
        return frozenset().union(*(expression.names for expression in others))

    @cached_property
    def wording(self) -> frozenset[str]:
        """The flat fields that are no labels where they gave the title or the summary."""
        return self.title.names | self.summary.names


class Settings(Model):
    """What the sender's JSON looks like, and how it signs. Without `signature_secret` the address is the secret."""

    model_config = ConfigDict(hide_input_in_errors=True)

    fields: Fields = Fields()
    resolved_when: Annotated[tuple[str, ...], Field(description="values of the status that mean: over")] = RESOLVED
    signature_header: Annotated[str, Field(min_length=1, description="holds the body's HMAC-SHA256 in hex")] = (
        "X-Hub-Signature-256"
    )
    signature_secret: Secret | None = None

    @cached_property
    def resolved(self) -> frozenset[str]:
        return frozenset(value.strip().lower() for value in self.resolved_when)


class Generic:
    name = "generic"
    title = "Any JSON"
    settings: type[BaseModel] = Settings
    example = b"""{
  "title": "Checkout answers too slowly",
  "summary": "Half of all requests take longer than 6 seconds.",
  "severity": "critical",
  "service": "checkout",
  "status": "firing",
  "host": "web-1",
  "response_time_seconds": 6.2,
  "labels": {"team": "payments", "region": "eu-1"},
  "url": "https://grafana.example/d/checkout",
  "starts_at": "2026-11-20T03:10:00Z"
}"""
    example_resolved = example.replace(b'"firing"', b'"resolved"')
    example_headers: Mapping[str, str] = {}

    def verify(self, settings: Settings, request: Request, now: datetime) -> None:
        del now
        if settings.signature_secret is not None:
            check_signature(settings.signature_secret, settings.signature_header, request)

    def parse(self, settings: Settings, request: Request, now: datetime) -> Parsed:
        del now
        found = settings.fields.alerts.search(decode(JSON, tidy(request.body)))
        where = "$" if settings.fields.alerts.text == "@" else f"${settings.fields.alerts.place}"
        if found is None or found == []:
            raise Unreadable(where, f"no alert there; looked for `{settings.fields.alerts}`")
        reader = Reader(settings)
        if isinstance(found, list):
            return read_each(found, reader.read, lambda number: f"{where}[{number}]")
        return read_each([found], reader.read, lambda _: where)


class Reader:
    """Reads one alert after another by the same settings."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.fields = settings.fields

    def read(self, sent: object) -> Alert:
        """Raises Unreadable with a path that starts at the alert."""
        if not isinstance(sent, dict):
            raise Unreadable("$", f"an alert is an object; this is {text(sent, 40) or 'null'!r}")
        fields = self.fields
        title = line(fields.title.search(sent), TITLE)
        if not title:
            raise Unreadable(f"${fields.title.place}", f"an alert needs a title; looked for `{fields.title}`")
        summary = text(fields.summary.search(sent), SUMMARY)
        service = self._service(sent)
        own = fields.labels.search(sent)
        labels = self._labels(sent, own, (title, summary))
        status = self._status(sent)
        return Alert(
            fingerprint=identity(fields.fingerprint.search(sent), FINGERPRINT)
            or _fingerprint(service, title, sent, own),
            status=status,
            title=title,
            summary="" if summary == title else summary,
            service=service or None,
            group=identity(fields.group.search(sent), GROUP),
            labels=labels,
            values=read_values(labels, {}),
            links=_links(fields.links.search(sent), sent),
            starts_at=read_time(fields.starts_at.search(sent)),
            ends_at=read_time(fields.ends_at.search(sent)) if status is AlertStatus.RESOLVED else None,
        )

    def _service(self, sent: Mapping[str, Any]) -> str:
        picked = self.fields.service.search(sent)
        return "" if isinstance(picked, (dict, list)) else identity(picked, SERVICE)

    def _status(self, sent: Mapping[str, Any]) -> AlertStatus:
        said = line(self.fields.status.search(sent), NAME).lower()
        return AlertStatus.RESOLVED if said in self.settings.resolved else AlertStatus.FIRING

    def _labels(self, sent: Mapping[str, Any], own: object, shown: tuple[str, ...]) -> dict[str, str]:
        """Flat fields, over them the labels proper, over them the severity and priority that were picked."""
        elsewhere, wording = self.fields.read_elsewhere, self.fields.wording
        every = {
            name: value
            for name, value in sent.items()
            if name not in elsewhere
            and not isinstance(value, (dict, list))
            and not (name in wording and value in shown)
        }
        if isinstance(own, dict):
            every |= own
        for name, expression in (("severity", self.fields.severity), ("priority", self.fields.priority)):
            picked = expression.search(sent)
            if picked is not None:
                every[name] = picked
        return texts(every, LABEL)


def _fingerprint(service: str, title: str, sent: Mapping[str, Any], own: object) -> str:
    labels = own if isinstance(own, dict) else {}
    lasting = {name: value for name, value in labels.items() if name not in HOW_BAD}
    return digest([service, title, lasting, {name: sent[name] for name in sent.keys() & WHERE}])


def _links(picked: object, sent: Mapping[str, Any]) -> tuple[Link, ...]:
    """A list may hold addresses, or objects that name theirs `url` or `href`."""
    known = [(title, sent.get(name)) for title, name in KNOWN_LINKS]
    if isinstance(picked, dict):
        return links([*((line(title, NAME), address) for title, address in picked.items()), *known])
    items = picked if isinstance(picked, list) else [picked]
    return links([*(_link(item) for item in items), *known])


def _link(item: object) -> tuple[str, object]:
    if not isinstance(item, dict):
        return "Source", item
    title = line(item.get("title") or item.get("text") or item.get("name"), NAME)
    return title or "Source", item.get("url") or item.get("href")

"""A mail as an alert, for what can say that something is wrong only by mail."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

from pydantic import BaseModel

from engine.core.classify import read_values
from engine.core.errors import Unreadable
from engine.core.model import Alert, AlertStatus
from engine.ports import Parsed, Request
from integrations.sources.mails import Mail
from integrations.sources.reading import (
    FINGERPRINT,
    GROUP,
    LABEL,
    SUMMARY,
    TITLE,
    digest,
    identity,
    line,
    links,
    service_of,
    text,
    texts,
)
from integrations.sources.severity import GivenSeverity
from integrations.sources.signatures import ByToken, TokenSettings
from integrations.sources.subjects import SEVERITIES, STATUSES, read_subject

OURS = "x-tocsin-"
"""Headers by which a sender says what it means. `X-Tocsin-Status` and the like; any other is a label."""

OURSELVES = "incident"
"""Of these the one that Tocsin's own mails carry."""

URL = re.compile(r"https?://[^\s<>\"']{1,1900}", re.IGNORECASE)
MOST_LINKS = 5


class Settings(TokenSettings):
    """`token` comes with every message; without, the address is the secret."""

    severity: GivenSeverity = "critical"


class Email(ByToken):
    name = "email"
    title = "E-mail"
    settings: type[BaseModel] = Settings
    example = b"""From: Backups <backup@shop.example>
To: alerts@tocsin.example.com
Subject: [critical] Backup of the checkout database failed
Date: Fri, 20 Nov 2026 04:10:00 +0100
Message-ID: <4711@shop.example>
X-Tocsin-Service: checkout
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8

No space is left on db-1.

https://runbooks.example/backup
"""
    example_resolved = example.replace(b"[critical]", b"RESOLVED:").replace(b"04:10:00", b"04:50:00")
    example_headers: Mapping[str, str] = {"content-type": "message/rfc822"}

    def parse(self, settings: Settings, request: Request, now: datetime) -> Parsed:
        del now
        try:
            mail = Mail(request.body)
        except RecursionError as error:
            raise Unreadable("$", "nested too deeply to be an alert") from error
        own, sender = mail.headers(OURS), mail.address("From")
        if not sender:
            raise Unreadable("$.From", "missing; the raw message is expected, its headers first (RFC 5322)")
        if reason := _no_alert(mail, own):
            return Parsed(alerts=(), note=reason)
        return Parsed(alerts=(_read(mail, own, sender, settings),))


def _no_alert(mail: Mail, own: Mapping[str, str]) -> str:
    """What programs send because of a mail. An incident for it would be told of by mail, and so on."""
    if OURSELVES in own:
        return "a mail of Tocsin's own"
    if mail.is_report:
        return "a mail server's report of another mail"
    answered = mail.header("Auto-Submitted").lower().startswith("auto-replied")  # RFC 3834
    return "an automatic answer" if answered or mail.header("X-Autoreply") else ""


def _read(mail: Mail, own: Mapping[str, str], sender: str, settings: Settings) -> Alert:
    subject = read_subject(line(mail.header("Subject"), TITLE))
    title = subject.title or line(mail.text.partition("\n")[0], TITLE) or "A mail without a subject"
    status = STATUSES.get(own.get("status", "").lower()) or subject.status or AlertStatus.FIRING
    severity = SEVERITIES.get(own.get("severity", "").lower()) or subject.severity or settings.severity
    labels = texts({**own, "severity": severity, "from": sender, "to": mail.address("To")}, LABEL)
    over, at = status is AlertStatus.RESOLVED, mail.date
    for read_elsewhere in ("status", "fingerprint", "group", "link"):
        labels.pop(read_elsewhere, None)
    found = URL.findall(mail.plain or mail.html)[:MOST_LINKS]
    return Alert(
        fingerprint=identity(own.get("fingerprint"), FINGERPRINT) or digest([sender, title.casefold()]),
        status=status,
        title=title,
        summary=text(mail.text, SUMMARY),
        service=service_of(labels),
        group=identity(own.get("group"), GROUP),
        labels=labels,
        values=read_values(labels, {}),
        links=links([("Source", own.get("link")), *(("Link", url.rstrip(".,;:!?)]}'")) for url in found)]),
        starts_at=None if over else at,
        ends_at=at if over else None,
    )

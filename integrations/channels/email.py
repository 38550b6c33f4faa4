"""E-mail through a mail server: plain text and HTML, one thread per incident."""

from __future__ import annotations

import re
from datetime import timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from engine.core.errors import DeliveryError
from engine.core.model import Incident, MessageKind, Priority
from engine.core.spans import Span
from engine.ports import Envelope, Receipt
from integrations.channels import Resources
from integrations.channels.foreign import one_line
from integrations.channels.letter import as_html, as_text, compose
from integrations.channels.smtp import hand_over, read_relay

ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*")
"""Without quotes, comments and other scripts, which hardly a mail server takes (RFC 5322, 3.4.1, dot-atom)."""
NOT_IN_ID = re.compile(r"[^A-Za-z0-9._-]")
SUBJECT = 200
URGENT_KINDS = frozenset({MessageKind.PAGE, MessageKind.QUESTION})
URGENT_PRIORITIES = frozenset({Priority.P0, Priority.P1})
WIRE = SMTP.clone(cte_type="7bit")
"""Passes every mail server, also one without 8BITMIME."""


class Settings(BaseModel):
    """The mail server is the installation's own: TOCSIN_SMTP_URL and TOCSIN_MAIL_FROM."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    timeout: Annotated[Span, Field(gt=timedelta(), le=timedelta(minutes=1))] = timedelta(seconds=10)


class EmailChannel:
    """Sends to the e-mail address that a person has on this channel."""

    kind = "email"
    updatable = False

    def __init__(self, name: str, settings: Settings, resources: Resources) -> None:
        self.name = name
        self._settings = settings
        self._url = resources.smtp_url or SecretStr("")
        self._sender = resources.mail_from

    def configured(self) -> str | None:
        if not self._url:
            return f"channel {self.name}: TOCSIN_SMTP_URL is not set"
        if not ADDRESS.fullmatch(parseaddr(self._sender)[1]):
            return f"channel {self.name}: TOCSIN_MAIL_FROM is not an e-mail address like tocsin@example.com"
        try:
            read_relay(self._url)
        except ValueError as error:
            return f"channel {self.name}: {error}"
        return None

    async def send(self, envelope: Envelope) -> Receipt:
        if problem := self.configured():
            raise DeliveryError(problem, permanent=True)
        address = envelope.message.address
        if not ADDRESS.fullmatch(address):
            raise DeliveryError(f"{one_line(address, 80)!r} is not an e-mail address", permanent=True)
        mail = render(envelope, self._sender)
        answer = await hand_over(
            read_relay(self._url),
            mail.as_bytes(),
            sender=parseaddr(self._sender)[1],
            recipient=address,
            seconds=self._settings.timeout.total_seconds(),
        )
        return Receipt(reference=str(mail["Message-ID"]), data={"answer": answer})

    async def close(self) -> None:
        """Each message has a connection of its own; none is open."""


def render(envelope: Envelope, sender: str) -> EmailMessage:
    """`sender` may carry a name, as in `Tocsin <tocsin@example.com>`; the reader's address has to be a plain one."""
    letter = compose(envelope)
    name, address = parseaddr(sender)
    domain = address.rpartition("@")[2]
    mail = EmailMessage(policy=WIRE)
    mail["From"] = Address(one_line(name, 80) or "Tocsin", addr_spec=address)
    mail["To"] = Address(one_line(envelope.recipient, 80), addr_spec=envelope.message.address)
    mail["Subject"] = one_line(envelope.headline, SUBJECT)
    mail["Date"] = format_datetime(envelope.now)
    # From our own name of the delivery, so that a second copy is the same message to mail programs, which show it once.
    mail["Message-ID"] = f"<{NOT_IN_ID.sub('-', envelope.id)}@{domain}>"
    for header, value in (*_threading(envelope.incident, domain), *_machine_headers(envelope)):
        mail[header] = value
    mail.set_content(as_text(letter))
    mail.add_alternative(as_html(letter), subtype="html")
    return mail


def _threading(incident: Incident, domain: str) -> tuple[tuple[str, str], ...]:
    """All mails about an incident answer one that was never sent: so they stand together, whichever came first.

    The opening time keeps apart the incidents of two installations that use the same domain.
    """
    # The email package encodes what it cannot fold, and an encoded id is none: only the end of a long domain is used.
    domain = domain[-40:].lstrip(".-")
    root = f"<{incident.ref}.{incident.opened_at.timestamp():.0f}@{domain}>"
    return ("In-Reply-To", root), ("References", root)


def _machine_headers(envelope: Envelope) -> tuple[tuple[str, str], ...]:
    headers = (
        ("Auto-Submitted", "auto-generated"),  # RFC 3834: nobody's holiday notice comes back
        ("X-Auto-Response-Suppress", "OOF, AutoReply"),  # the same for Exchange, which does not know the other
        ("X-Tocsin-Incident", envelope.incident.ref),
    )
    urgent = envelope.message.kind in URGENT_KINDS and envelope.incident.priority in URGENT_PRIORITIES
    return (*headers, ("X-Priority", "1"), ("Importance", "high")) if urgent else headers

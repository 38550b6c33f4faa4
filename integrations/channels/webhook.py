"""A signed POST of JSON: for the gateway that rings a phone or sends a text message, and for your own programs."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated

import aiohttp
from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator
from yarl import URL

from engine.core.errors import DeliveryError
from engine.core.policy import SecretRef
from engine.core.spans import Span
from engine.ports import Envelope, Receipt
from integrations.channels import Resources
from integrations.channels.foreign import one_line, quoted, web_address
from integrations.channels.outbound import guarded_session, refusal
from integrations.channels.signing import DELIVERY_HEADER, SIGNATURE_HEADER, sign
from integrations.channels.together import bundle_lines
from integrations.channels.webhook_answers import accepted, rejected, retry_after, unanswered
from integrations.channels.webhook_body import (
    AlertPart,
    AlertsPart,
    Body,
    BundlePart,
    IncidentPart,
    MentionPart,
    MessagePart,
    Reader,
    RungPart,
    TriedPart,
)
from integrations.channels.wording import expected, incident_url, marks, worst_first, zone_note

IDEMPOTENCY_HEADER = "Idempotency-Key"
"""A quoted string (draft-ietf-httpapi-idempotency-key-header): the same for every try of one delivery."""
SHOWN_ALERTS = 10
SHOWN_MENTIONS, SPOKEN_MENTIONS = 200, 5
ANSWER_BYTES = 1_000
WORD = 7
"""Pieces of an address up to this length are words like "hooks" or "token", not keys."""


class Settings(BaseModel):
    """With `url` every page goes there, and the person's address (a phone number) is in the body; without it the
    person's address is the URL."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    secret: Annotated[SecretStr | SecretRef, Field(description="signs every request; the receiver has it too")]
    url: Annotated[SecretStr | SecretRef | None, Field(description="the gateway; it may hold a key")] = None
    timeout: Annotated[Span, Field(gt=timedelta(), le=timedelta(minutes=1))] = timedelta(seconds=10)
    allow_link_local: Annotated[bool, Field(description="permit link-local and cloud metadata addresses")] = False

    @field_validator("url")
    @classmethod
    def _is_web_address(cls, url: SecretStr | SecretRef | None) -> SecretStr | SecretRef | None:
        if isinstance(url, SecretStr) and web_address(url.get_secret_value()) is None:
            raise ValueError("it is not a web address; write it like https://gateway.example.com/page")
        return url


class WebhookChannel:
    """The receiver is expected to answer 2xx once it has taken the page on."""

    kind = "webhook"
    updatable = False

    def __init__(self, name: str, settings: Settings, resources: Resources) -> None:
        self.name = name
        self._settings = settings
        self._secret = _read(settings.secret, resources)
        self._url = _read(settings.url, resources).get_secret_value()
        self._agent = f"Tocsin (+{resources.base_url})" if resources.base_url else "Tocsin"
        self._refused = refusal(link_local=settings.allow_link_local, private=resources.allow_private_targets)
        self._opened: aiohttp.ClientSession | None = None

    def configured(self) -> str | None:
        settings = self._settings
        if not self._secret:
            return f"channel {self.name}: the secret that signs its requests is missing{_where(settings.secret)}"
        if settings.url and not self._url:
            return f"channel {self.name}: its address is missing{_where(settings.url)}"
        return None

    async def send(self, envelope: Envelope) -> Receipt:
        if problem := self.configured():
            raise DeliveryError(problem, permanent=True)
        target = self._target(envelope.message.address)
        body = render(envelope, address=envelope.message.address if self._url else None).encode()
        headers = {
            "Content-Type": "application/json",
            "User-Agent": self._agent,
            DELIVERY_HEADER: one_line(envelope.id),
            IDEMPOTENCY_HEADER: f'"{one_line(envelope.id)}"',
            SIGNATURE_HEADER: sign(self._secret, body, envelope.now),
        }
        try:
            async with self._session().post(target, data=body, headers=headers, allow_redirects=False) as answer:
                return await self._receipt(answer, target, envelope)
        except (aiohttp.ClientError, TimeoutError) as error:
            # Not chained: their texts hold the whole address, which may hold a key.
            raise unanswered(target.host or "", error) from None

    async def close(self) -> None:
        if self._opened is not None:
            await self._opened.close()

    def _target(self, address: str) -> URL:
        """Where to send it; raises DeliveryError where that is no address or one that is not called."""
        url = web_address(self._url or address)
        if url is None:
            raise DeliveryError(f"channel {self.name}: the address is not a web address", permanent=True)
        try:
            target = URL(url)
        except ValueError:
            raise DeliveryError(f"channel {self.name}: the address is not a web address", permanent=True) from None
        if reason := self._refused(target.host or ""):
            raise DeliveryError(f"{target.host} is not called: it {reason}", permanent=True)
        return target

    def _session(self) -> aiohttp.ClientSession:
        if self._opened is None:
            # Half of the time for the connection, so that the end of the whole always means: the request was under way.
            whole = self._settings.timeout.total_seconds()
            self._opened = guarded_session(self._refused, aiohttp.ClientTimeout(total=whole, connect=whole / 2))
        return self._opened

    async def _receipt(self, answer: aiohttp.ClientResponse, target: URL, envelope: Envelope) -> Receipt:
        if accepted(answer.status):
            reference = one_line(answer.headers.get("X-Request-Id", "")) or envelope.id
            return Receipt(reference=reference, data={"status": str(answer.status)})
        said = quoted(await _said(answer), self._secret.get_secret_value(), *_keys(target))
        wait = retry_after(answer.headers.get("Retry-After"), envelope.now)
        raise rejected(target.host or "", answer.status, said=said, retry_after=wait)


def render(envelope: Envelope, *, address: str | None) -> str:
    """The JSON; `address` is the person's, where it is not the URL itself. Texts are cut and cleaned, not escaped."""
    body = Body(
        id=envelope.id,
        kind=envelope.message.kind,
        sent_at=envelope.now,
        headline=envelope.headline,
        text=_text(envelope),
        expected=expected(envelope),
        next_step=envelope.next_step,
        repeated=envelope.repeated,
        late_by_seconds=_seconds(envelope.late_by),
        url=incident_url(envelope),
        to=Reader(contact=envelope.message.contact, name=envelope.recipient, address=address, time_zone=envelope.zone),
        message=MessagePart.model_validate(envelope.message),
        incident=IncidentPart.model_validate(envelope.incident),
        alerts=_alerts(envelope),
        ladder=tuple(RungPart.model_validate(rung) for rung in envelope.ladder),
        tried=tuple(TriedPart.model_validate(tried) for tried in envelope.tried),
        bundle=_bundle(envelope),
    )
    return body.model_dump_json()


def _bundle(envelope: Envelope) -> BundlePart:
    shown = tuple(
        MentionPart(
            id=one.id,
            kind=one.message.kind,
            ref=one.incident.ref,
            priority=one.incident.priority,
            title=one.incident.title,
            service=one.incident.service,
            page=one.message.page,
            respond_by=one.message.respond_by,
            late_by_seconds=_seconds(one.late_by),
        )
        for one in envelope.bundle[:SHOWN_MENTIONS]
    )
    return BundlePart(count=len(envelope.bundle), shown=shown)


def _seconds(span: timedelta | None) -> float | None:
    return span.total_seconds() if span else None


def _text(envelope: Envelope) -> str:
    listed = map(str, bundle_lines(envelope, most=SPOKEN_MENTIONS))
    sentences = (envelope.headline, *marks(envelope), expected(envelope), *listed, zone_note(envelope))
    return "\n".join(one_line(sentence) for sentence in sentences if sentence)


def _alerts(envelope: Envelope) -> AlertsPart:
    shown = worst_first(envelope.alerts)[:SHOWN_ALERTS]
    return AlertsPart(
        count=max(envelope.alert_count, len(envelope.alerts)),
        shown=tuple(AlertPart.model_validate(alert) for alert in shown),
    )


def _read(secret: SecretStr | SecretRef | None, resources: Resources) -> SecretStr:
    """Empty where there is none."""
    found = resources.secret(secret) if isinstance(secret, SecretRef) else secret
    return found or SecretStr("")


def _where(secret: SecretStr | SecretRef) -> str:
    return f" ({secret.env or secret.file})" if isinstance(secret, SecretRef) else ""


def _keys(target: URL) -> list[str]:
    """What may be secret in an address: the address itself, its password, and whatever is long enough for a key."""
    pieces = re.split(r"[/?&=]", target.raw_path_qs)
    return [str(target), target.password or "", *(piece for piece in pieces if len(piece) > WORD)]


async def _said(answer: aiohttp.ClientResponse) -> str:
    """The beginning of the answer's text; nothing where it breaks off, for the status says enough."""
    try:
        return (await answer.content.read(ANSWER_BYTES)).decode(errors="replace")
    except (aiohttp.ClientError, TimeoutError):
        return ""

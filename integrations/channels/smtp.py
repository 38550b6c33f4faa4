"""Hands one message to a mail server, and says what came of it."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address
from urllib.parse import unquote, urlsplit

import aiosmtplib
from pydantic import SecretStr

from engine.core.errors import DeliveryError
from integrations.channels.foreign import quoted

Failure = aiosmtplib.SMTPException | OSError | ValueError
FAILURES = (aiosmtplib.SMTPException, OSError, ValueError)
"""All that aiosmtplib raises: ValueError where an answer is nothing that a mail server says."""
FINAL = range(500, 600)
REFUSALS = range(400, 600)
GOODBYE_SECONDS = 1.0
SMTP_PORT, SUBMISSION_PORT, SMTPS_PORT = 25, 587, 465
FORM = "write it like smtp://user:password@mail.example.com:587, special characters of the password percent-encoded"


class Encryption(StrEnum):
    IMPLICIT = "implicit"  # TLS from the first byte, as smtps:// says
    REQUIRED = "required"  # STARTTLS, or nothing is sent
    OFFERED = "offered"  # STARTTLS where the server has it


@dataclass(frozen=True, kw_only=True, slots=True)
class Relay:
    """The mail server that takes our messages."""

    host: str
    port: int
    encryption: Encryption
    user: str | None
    password: SecretStr

    def __str__(self) -> str:
        return f"mail server {self.host}:{self.port}"


def read_relay(url: SecretStr) -> Relay:
    """Raises ValueError with a sentence that repeats nothing of the URL."""
    try:
        parts = urlsplit(url.get_secret_value())
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError(f"TOCSIN_SMTP_URL cannot be read; {FORM}") from None
    if parts.scheme not in ("smtp", "smtps") or not host or parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError(f"TOCSIN_SMTP_URL is not the address of a mail server; {FORM}")
    encryption = _encryption(parts.scheme, host, login=bool(parts.username))
    return Relay(
        host=host,
        port=port or _default_port(encryption),
        encryption=encryption,
        user=unquote(parts.username) if parts.username else None,
        password=SecretStr(unquote(parts.password or "")),
    )


def _encryption(scheme: str, host: str, *, login: bool) -> Encryption:
    if scheme == "smtps":
        return Encryption.IMPLICIT
    return Encryption.REQUIRED if login and not _is_loopback(host) else Encryption.OFFERED


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _default_port(encryption: Encryption) -> int:
    ports = {Encryption.IMPLICIT: SMTPS_PORT, Encryption.REQUIRED: SUBMISSION_PORT, Encryption.OFFERED: SMTP_PORT}
    return ports[encryption]


async def hand_over(relay: Relay, message: bytes, *, sender: str, recipient: str, seconds: float) -> str:
    """The server's answer once it has taken the message; all of it within `seconds`. Raises DeliveryError.

    What fails before the message is sent has not arrived; what fails from then on without an answer may have.
    """
    deadline = asyncio.get_running_loop().time() + seconds
    async with _client(relay, seconds) as client:
        try:
            async with asyncio.timeout_at(deadline):
                await client.connect()
                await client.mail(sender)
                await client.rcpt(recipient)
        except FAILURES as error:
            raise _refused(relay, error) from None  # an answer of the server's may repeat our password
        try:
            async with asyncio.timeout_at(deadline):
                answer = await client.data(message)
        except FAILURES as error:
            raise _not_taken(relay, error) from None
    return quoted(answer.message, relay.password.get_secret_value())


@asynccontextmanager
async def _client(relay: Relay, seconds: float) -> AsyncIterator[aiosmtplib.SMTP]:
    client = aiosmtplib.SMTP(
        hostname=relay.host,
        port=relay.port,
        username=relay.user,
        password=relay.password.get_secret_value() if relay.user else None,
        # Left to itself the client asks the DNS for this machine's full name, which may take longer than the message.
        local_hostname=socket.gethostname(),
        timeout=seconds,
        use_tls=relay.encryption is Encryption.IMPLICIT,
        start_tls={Encryption.REQUIRED: True, Encryption.OFFERED: None}.get(relay.encryption, False),
        # Where encryption is a mere offer, whoever could forge the certificate could also have taken the offer away.
        validate_certs=relay.encryption is not Encryption.OFFERED,
    )
    try:
        yield client
        with suppress(*FAILURES):  # the message was taken; what happens to the goodbye changes nothing
            await client.quit(timeout=GOODBYE_SECONDS)
    finally:
        client.close()


def _refused(relay: Relay, error: Failure) -> DeliveryError:
    """The message was not sent."""
    match error:
        case aiosmtplib.SMTPAuthenticationError(code=code):
            # Without the server's words: they may be the password that it was given.
            return DeliveryError(f"{relay} refused the user name or password ({code})", permanent=_is_final(code))
        case aiosmtplib.SMTPResponseException():
            return _answered(relay, error)
        case aiosmtplib.SMTPConnectError(__cause__=ssl.SSLCertVerificationError()) | ssl.SSLCertVerificationError():
            return DeliveryError(f"{relay} shows a certificate that is not trusted", permanent=True)
        case OSError():
            return DeliveryError(f"{relay} {_fault(error)}")
        case aiosmtplib.SMTPException():
            return DeliveryError(f"{relay} does not offer what is needed: {error.message}", permanent=True)
        case _:
            return _not_understood(relay)


def _not_taken(relay: Relay, error: Failure) -> DeliveryError:
    """The message was sent, and either refused or left without an answer."""
    if isinstance(error, aiosmtplib.SMTPDataError):
        return _answered(relay, error)
    return DeliveryError(f"{relay} {_fault(error)}; it may have taken the message", ambiguous=True)


def _fault(error: Failure) -> str:
    if isinstance(error, TimeoutError):
        return "did not answer in time"
    unreached = isinstance(error, aiosmtplib.SMTPConnectError)
    return "could not be reached" if unreached else "broke off without an answer"


def _answered(relay: Relay, error: aiosmtplib.SMTPResponseException) -> DeliveryError:
    if error.code not in REFUSALS:
        return _not_understood(relay)
    said = quoted(error.message, relay.password.get_secret_value())
    return DeliveryError(f"{relay} answered {error.code} {said}".rstrip(), permanent=_is_final(error.code))


def _not_understood(relay: Relay) -> DeliveryError:
    return DeliveryError(f"{relay} does not answer like a mail server")


def _is_final(code: int) -> bool:
    """4xx asks for another try (RFC 5321, 4.2.1)."""
    return code in FINAL

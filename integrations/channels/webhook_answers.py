"""What a receiver's answer, or the lack of one, says about a webhook."""

from __future__ import annotations

import os
from datetime import datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import aiohttp

from engine.core.errors import DeliveryError, Limited

TRY_AGAIN = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})


def accepted(status: int) -> bool:
    return HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES


def rejected(host: str, status: int, *, said: str, retry_after: float | None) -> DeliveryError:
    """The answer is not a success. `said` is fit to be shown."""
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        sentence = f"{host} answered {status}, a redirect; redirects are not followed, configure the final address"
        return DeliveryError(sentence, permanent=True)
    sentence = f"{host} answered {status}" + (f": {said}" if said else "")
    if status in TRY_AGAIN or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        limited = Limited.PROVIDER if status == HTTPStatus.TOO_MANY_REQUESTS else None
        return DeliveryError(sentence, retry_after=retry_after, limited=limited)
    return DeliveryError(sentence, permanent=True)


def unanswered(host: str, error: aiohttp.ClientError | TimeoutError) -> DeliveryError:
    """There is no answer. Unless the request is known not to have gone out, it may have arrived."""
    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
        return unreached(host, error)
    if isinstance(error, aiohttp.InvalidURL | aiohttp.NonHttpUrlClientError):
        return DeliveryError(f"{host} is not a host that can be called", permanent=True)
    return DeliveryError(f"{host} {silence(error)}; it may have taken the message", ambiguous=True)


def silence(error: aiohttp.ClientError | TimeoutError) -> str:
    return "did not answer in time" if isinstance(error, TimeoutError) else "broke off without an answer"


def unreached(host: str, error: aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError) -> DeliveryError:
    """The request is known not to have gone out."""
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return DeliveryError(f"{host} shows a certificate that is not trusted", permanent=True)
        case aiohttp.ClientSSLError():
            return DeliveryError(f"{host} does not answer with TLS that this machine can speak")
        case aiohttp.ClientConnectorDNSError():
            return DeliveryError(f"{host} could not be looked up")
        case aiohttp.ClientConnectorError(os_error=PermissionError() as refusal):
            return DeliveryError(f"{host} is not called: it {refusal}", permanent=True)
        case aiohttp.ClientConnectorError(errno=int() as number) if number > 0:
            return DeliveryError(f"{host} could not be connected to: {os.strerror(number)}")
        case _:
            return DeliveryError(f"{host} could not be connected to")


def retry_after(header: str | None, now: datetime) -> float | None:
    """Seconds from a Retry-After header, which holds seconds or a date (RFC 9110, 10.2.3); None for anything else."""
    value = (header or "").strip()
    if value.isascii() and value.isdecimal():
        return float(value)
    try:
        return max(0.0, (parsedate_to_datetime(value) - now).total_seconds())
    except (ValueError, TypeError):  # no date, or one without a zone
        return None

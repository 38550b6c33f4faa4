"""Proof that a request comes from its sender. A comparison takes the same time for a near miss as for a far one."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, SecretStr

from engine.core.errors import Unauthorized
from engine.core.policy import Model, SecretRef
from engine.ports import Request
from integrations.sources.times import read_time

Secret = SecretStr | SecretRef
"""As it stands in the configuration; `with_secrets` makes it fit for use."""

TOLERANCE = timedelta(minutes=5)
"""How far a signed time may be from ours; an older request may be one that somebody has recorded and sends again."""

M = TypeVar("M", bound=BaseModel)


def with_secrets(settings: M, read: Callable[[SecretRef], SecretStr | None]) -> M:
    """The settings with the secrets in place of the references to them. One that can't be read lets no one in."""
    found = {name: read(value) for name, value in settings if isinstance(value, SecretRef)}
    return settings.model_copy(update={name: secret for name, secret in found.items() if secret is not None})


class TokenSettings(Model):
    """`token`: what the sender puts behind `Authorization: Bearer`. Without, the address is the secret."""

    model_config = ConfigDict(hide_input_in_errors=True)

    token: Secret | None = None


class ByToken:
    """The proof of a source whose sender signs nothing, but takes a header of our choice."""

    def verify(self, settings: TokenSettings, request: Request, now: datetime) -> None:
        del now
        if settings.token is not None:
            check_bearer(settings.token, request)


def check_bearer(secret: Secret, request: Request) -> None:
    """Raises Unauthorized unless `Authorization: Bearer` carries the secret."""
    scheme, _, presented = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not _same(presented.strip(), _reveal(secret)):
        raise Unauthorized("the Authorization header does not carry this integration's bearer token")


def check_token(secret: Secret, header: str, request: Request) -> None:
    """Raises Unauthorized unless `header` holds the secret itself."""
    if not _same(request.headers.get(header.lower(), ""), _reveal(secret)):
        raise Unauthorized(f"the {header} header does not hold this integration's secret")


def check_basic(username: str, password: Secret, request: Request) -> None:
    """Raises Unauthorized unless `Authorization: Basic` carries both (RFC 7617, in UTF-8)."""
    scheme, _, presented = request.headers.get("authorization", "").partition(" ")
    expected = b64encode(f"{username}:{_reveal(password)}".encode("utf-8", "replace")).decode()
    if scheme.lower() != "basic" or not _same(presented.strip(), expected):
        raise Unauthorized("the Authorization header does not carry this integration's user name and password")


def check_signature(secret: Secret, header: str, request: Request, *, before: str = "") -> None:
    """Raises Unauthorized unless `header` holds the HMAC-SHA256 of `before` and the raw body in hex, with or without
    `sha256=`."""
    presented = request.headers.get(header.lower(), "").strip().lower().removeprefix("sha256=")
    signed = before.encode("utf-8", "replace") + request.body
    expected = hmac.new(_reveal(secret).encode(), signed, hashlib.sha256).hexdigest()
    if not _same(presented, expected):
        raise Unauthorized(f"the {header} header does not hold the body's HMAC-SHA256 under this integration's secret")


def check_fresh(header: str, request: Request, now: datetime) -> None:
    """Raises Unauthorized unless `header` holds a time, in seconds since 1970, within `TOLERANCE` of `now`."""
    at = read_time(request.headers.get(header.lower()))
    if at is None or abs(now - at) > TOLERANCE:
        raise Unauthorized(f"the {header} header does not hold a time of the last 5 minutes, in seconds since 1970")


def _same(presented: str, expected: str) -> bool:
    # As bytes: compare_digest refuses text that is not ASCII, and a header may hold anything.
    return hmac.compare_digest(presented.encode("utf-8", "replace"), expected.encode("utf-8", "replace"))


def _reveal(secret: Secret) -> str:
    """Closed by default: a reference that nobody has replaced, or an empty secret, lets no one in."""
    if isinstance(secret, SecretRef) or not secret.get_secret_value():
        raise Unauthorized("this integration's secret is not available to the engine")
    return secret.get_secret_value()

"""The signature on a webhook, for both ends: `sign` here, `verify_signature` at the receiver.

`X-Tocsin-Signature: t=<unix seconds>,v1=<hex>`: v1 is the HMAC-SHA256 of `<t>.<raw body>` under the shared secret.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from datetime import datetime, timedelta

from pydantic import SecretStr

SIGNATURE_HEADER = "X-Tocsin-Signature"
DELIVERY_HEADER = "X-Tocsin-Delivery"
TOLERANCE = timedelta(minutes=5)
UNIX_SECONDS = re.compile(r"[0-9]{1,12}")


def sign(secret: SecretStr, body: bytes, now: datetime) -> str:
    """The header's value."""
    at = int(now.timestamp())
    return f"t={at},v1={_digest(secret, str(at), body)}"


def verify_signature(
    secret: SecretStr, header: str, body: bytes, now: datetime, tolerance: timedelta = TOLERANCE
) -> bool:
    """True when the raw `body` was signed with `secret`, no longer than `tolerance` before or after `now`.

    Compared in constant time. Several v1 parts may be given, as while a secret is being changed; one has to fit.
    """
    parts = [part.strip().split("=", 1) for part in header.split(",") if "=" in part]
    times = [value for name, value in parts if name == "t"]
    if len(times) != 1 or not _recent(times[0], now, tolerance):
        return False
    wanted = _digest(secret, times[0], body).encode()
    fits = [hmac.compare_digest(value.encode(errors="replace"), wanted) for name, value in parts if name == "v1"]
    return any(fits)


def _recent(seconds: str, now: datetime, tolerance: timedelta) -> bool:
    known = UNIX_SECONDS.fullmatch(seconds) is not None
    return known and abs(now.timestamp() - int(seconds)) <= tolerance.total_seconds()


def _digest(secret: SecretStr, at: str, body: bytes) -> str:
    return hmac.new(secret.get_secret_value().encode(), at.encode() + b"." + body, hashlib.sha256).hexdigest()

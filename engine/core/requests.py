"""Raw requests: what is kept of what a sender sent, and what of it must not be. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Annotated, Any

from pydantic import Field

from engine.core.errors import Forbidden
from engine.core.model import Actor, Role
from engine.core.secrecy import MASK, hide_secrets, looks_secret
from engine.core.shape import Model

MEBIBYTE = 1024 * 1024
LONGEST_HEADER = 500
LONGEST_PROBLEM = 500
MOST_HEADERS = 40
MOST_OUTCOMES = 100
SHORTEST_SECRET = 6
"""A shorter one is not looked for in what was sent: it would be found everywhere."""
DEEPEST = 60

NOT_KEPT = re.compile(
    r"host|connection|keep-alive|te|trailer|transfer-encoding|upgrade|content-length|accept.*|cache-control|pragma"
    r"|forwarded|via|x-forwarded-.*|x-real-ip|priority|sec-.*|traceparent|tracestate|b3|x-b3-.*"
)
"""Headers that are about the way, not about what was sent."""
PLAIN_VALUES = frozenset({"application/json", "application/json; charset=utf-8"})
"""What most senders say of their bodies; the slash alone would have each pattern of a secret tried on it."""
TRACES = tuple(
    trace.encode()
    for trace in (
        *("key", "token", "secret", "pass", "pwd", "credential", "jwt", "signature", "cookie", "authorization"),
        *("bearer", "xox", "xapp", "@", "hooks.slack.com", "/webhooks/", "/heartbeats/"),
        *("\\u004", "\\u005", "\\u006", "\\u007"),  # letters that are written in another way
    )
)
"""Whatever is to be hidden needs one of these; most bodies have none, and are kept as they came."""
HARMLESS = re.compile(rb"groupkey|dedup_key|incident_key")


class Requests(Model):
    """What senders have sent is kept for a while, without secrets, to be looked at and replayed."""

    keep_days: Annotated[int, Field(ge=0, le=3650)] = 7
    """How long a request is kept; 0 keeps none."""
    keep_bytes: Annotated[int, Field(ge=0)] = 256 * MEBIBYTE
    """What all of them may take up, compressed; the oldest go first."""
    most_bytes: Annotated[int, Field(ge=1024, le=16 * MEBIBYTE)] = 256 * 1024
    """What is kept of one body. A longer one is cut, and can't be replayed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RawRequest:
    """`size`: bytes of the body as it came. `cut`: `body` is not all of it. `status`: the HTTP status that it was
    answered with. `problem`: what could not be read or taken. `id` is 0 until it is on record."""

    id: int = 0
    integration: str
    source: str
    received_at: datetime
    status: int
    size: int
    cut: bool = False
    problem: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    outcomes: tuple[Mapping[str, str | None], ...] = ()
    body: bytes = b""


def kept_headers(headers: Mapping[str, str], masked: Collection[str], secrets: Collection[str]) -> dict[str, str]:
    """Those that say what was sent. `masked`: names (lower case) of headers that the integration takes its proof from;
    `secrets`: what must not be in any value."""
    found: dict[str, str] = {}
    for name, value in headers.items():
        if not _is_kept(name) or len(found) == MOST_HEADERS:
            continue
        hidden = name in masked or _holds_secret(name)
        found[name[:LONGEST_HEADER]] = MASK if hidden else _hide_text(value, secrets)[:LONGEST_HEADER]
    return found


@lru_cache(maxsize=256)  # the headers of a sender are the same each time
def _is_kept(name: str) -> bool:
    return NOT_KEPT.fullmatch(name) is None


@lru_cache(maxsize=256)
def _holds_secret(name: str) -> bool:
    return any(looks_secret(part) for part in name.replace("_", "-").split("-") if part)


def cut_body(body: bytes, most: int) -> tuple[bytes, bool]:
    """No more than `most` bytes, and whether something is missing."""
    return (body, False) if len(body) <= most else (body[:most], True)


def kept_body(body: bytes, *, cut: bool, secrets: Collection[str]) -> bytes:
    """Without secrets. JSON stays JSON; where it holds none it is what came, to the byte. What is no text at all is
    not kept: nobody could say what is in it."""
    if b"\0" in body:
        return b""
    lowered = HARMLESS.sub(b"", body.lower())
    if not any(trace in lowered for trace in TRACES) and not any(one.encode() in body for one in secrets):
        return body
    text = body.decode("utf-8", "replace" if cut else "surrogateescape")
    if cut:
        text = _without_torn_end(text)
    return _hidden(text, secrets).encode("utf-8", "surrogateescape")


def _without_torn_end(text: str) -> str:
    """Without the text that the cut has gone through: half a secret is not known as one."""
    quote = text.rfind('"')
    return text[:quote] if quote >= 0 else text.rpartition("\n")[0] or text.rpartition("&")[0]


def _hidden(text: str, secrets: Collection[str]) -> str:
    try:
        document = json.loads(text.removeprefix("\ufeff"))
    except (ValueError, RecursionError):
        return _hide_text(text, secrets)
    hidden = _hide(document, secrets, 0)
    return text if hidden == document else json.dumps(hidden, separators=(",", ":"))


def _hide(value: Any, secrets: Collection[str], depth: int) -> Any:
    if depth > DEEPEST:
        return MASK
    if isinstance(value, dict):
        return {
            _hide_text(name, secrets): MASK if _is_secret(name, item) else _hide(item, secrets, depth + 1)
            for name, item in value.items()
        }
    if isinstance(value, list):
        return [_hide(item, secrets, depth + 1) for item in value]
    if not isinstance(value, str):
        return value
    # SNS and others send JSON as a text within JSON, which has to stay JSON too.
    return _hidden(value, secrets) if value[:1] in ("{", "[") else _hide_text(value, secrets)


def _is_secret(name: str, value: Any) -> bool:
    return value not in (None, "", {}, []) and looks_secret(name)


def _hide_text(text: str, secrets: Collection[str]) -> str:
    for secret in secrets:
        text = text.replace(secret, MASK)
    return text if text in PLAIN_VALUES else hide_secrets(text)


def kept_problem(sentence: str, secrets: Collection[str]) -> str:
    return _hide_text(sentence, secrets)[:LONGEST_PROBLEM]


def check_may_read(actor: Actor) -> None:
    """Raises Forbidden. What senders send may tell of incidents that are sealed."""
    if not actor.role.covers(Role.ADMIN):
        who = actor.name or actor.id
        raise Forbidden(
            "role_too_low", f"{who} may see which requests came but not what was in them (role {actor.role})"
        )

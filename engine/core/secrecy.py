"""What must not be shown: which names hold secrets, and what in a text gives one away. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import urlsplit

MASK = "•••"

WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
SECRET_ENDINGS = (
    "apikey",
    "authorization",
    "cookie",
    "credential",
    "jwt",
    "passphrase",
    "passwd",
    "password",
    "secret",
    "signature",
    "token",
)
SECRET_WORDS = frozenset({"pass", "pwd"})
HARMLESS_KEYS = frozenset(
    {"dedup", "foreign", "group", "idempotency", "incident", "primary", "public", "sort", "timer"}
)
"""`incident_key` and the like identify something; every other name that ends in `key` is taken for a secret."""

WRAPPINGS = frozenset({"value", "header", "text", "raw", "plain"})

REFERENCE_KEYS = frozenset({"env", "file"})

PATTERNS = (
    # scheme://user:password@host, also where the password itself holds an @
    (re.compile(r"\b([a-zA-Z][a-zA-Z0-9+.-]{0,20}://)[^\s/?#'\"]*@"), rf"\1{MASK}@"),
    # Authorization headers, as text or as part of a printed mapping; bearer tokens and Opsgenie's keys without theirs
    (re.compile(r"(authorization['\"]?\s*[:=,]\s*(?:b?['\"])?)(?:\w+\s+)?[^\s'\",]+", re.IGNORECASE), rf"\1{MASK}"),
    (re.compile(r"\b((?:Bearer|GenieKey)\s+)[A-Za-z0-9._~+/-]{16,}=*", re.IGNORECASE), rf"\1{MASK}"),
    # Slack's tokens and incoming webhooks
    (re.compile(r"\bx(?:ox[a-z](?:\.xox[a-z])?|app)-[A-Za-z0-9-]{6,}"), MASK),
    (re.compile(r"(hooks\.slack\.com/)[^\s'\"<>]+"), rf"\1{MASK}"),
    # our own webhook addresses: the last part is the sender's key
    (re.compile(r"(/webhooks/[^\s/?#'\"]+/)[^\s/?#'\"]+"), rf"\1{MASK}"),
    (re.compile(r"(/heartbeats/)[^\s/?#'\"]+"), rf"\1{MASK}"),
    # and that of the report page, which is no short word, as a file's or a folder's name is
    (re.compile(r"(/report/)[A-Za-z0-9._~-]{16,}"), rf"\1{MASK}"),
)
# name=value, as in queries and printed objects; "name": "value", as in JSON and printed mappings
ASSIGNMENTS = (
    re.compile(r"(?<![A-Za-z0-9_.-])([A-Za-z0-9_.-]{1,64})(=)('[^']*'|\"[^\"]*\"|[^\s&;,#'\"<>(){}\[\]]+)"),
    re.compile(r"(?<=['\"])([A-Za-z0-9_.-]{1,64})(['\"]\s*[:,]\s*b?)('[^']*'|\"[^\"]*\")"),
)


@lru_cache(maxsize=1024)  # the names of a log's events are few
def looks_secret(name: str) -> bool:
    """True for a name whose value is to be hidden: `SLACK_BOT_TOKEN`, `apiKey`, `x-slack-signature`, `key`."""
    words = [word.lower() for word in WORD.findall(name)]
    while len(words) > 1 and words[-1] in WRAPPINGS:
        words.pop()
    if not words:
        return False
    last = words[-1].removesuffix("s") if words[-1] != "keys" else "key"
    if last == "key":
        return len(words) == 1 or words[-2] not in HARMLESS_KEYS
    return last.endswith(SECRET_ENDINGS) or words[-1] in SECRET_WORDS


TRACES = re.compile(r"[=/'\"]|authorization|bearer|geniekey|xox|xapp", re.IGNORECASE)
"""Every pattern needs one of these; most texts have none, and each line of the log is many texts."""


def hide_secrets(text: str) -> str:
    """The text without passwords in addresses, authorization headers, well-known tokens and values of secret names."""
    if not TRACES.search(text):
        return text
    for pattern, shown in PATTERNS:
        text = pattern.sub(shown, text)
    for pattern in ASSIGNMENTS:
        text = pattern.sub(_hide_assigned, text)
    return text


def hide_path(text: str) -> str:
    """A web address without anything after its host, since the path may be the secret; any other text as it is."""
    if not re.match(r"[a-z][a-z0-9+.-]*://", text, re.IGNORECASE):
        return text
    try:
        parts = urlsplit(text)
    except ValueError:
        return MASK
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}/{MASK}" if parts.path.strip("/") or parts.query else f"{parts.scheme}://{host}"


def mask(name: str, value: object) -> object:
    """A setting as it may be shown. A reference says where the secret is, not what; an address is cut to its host."""
    if isinstance(value, Mapping):
        if value.keys() <= REFERENCE_KEYS:
            return dict(value)
        return {key: mask(name if looks_secret(name) else key, item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [mask(name, item) for item in value]
    if looks_secret(name) and value is not None:
        return MASK
    return hide_path(hide_secrets(value)) if isinstance(value, str) else value


def _hide_assigned(match: re.Match[str]) -> str:
    return f"{match[1]}{match[2]}{MASK}" if looks_secret(match[1]) else match[0]

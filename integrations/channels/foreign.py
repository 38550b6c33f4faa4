"""Text that others wrote (alerts, people, providers), made fit to be shown. Escaping is each channel's own."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from engine.core.secrecy import MASK, hide_secrets

LINE, PARAGRAPH = 300, 2_000
LINE_ENDS = re.compile(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]")
# Control characters, overrides of the writing direction (they let one text pass for another) and lone surrogates.
UNSAFE = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def clean(text: str, limit: int = PARAGRAPH) -> str:
    """Without what could break out of a line or hide; at most `limit` characters, the last an ellipsis if cut."""
    shown = UNSAFE.sub("", LINE_ENDS.sub("\n", text[: 4 * limit])).strip()
    return shown if len(shown) <= limit else shown[: limit - 1].rstrip() + "…"


def one_line(text: str, limit: int = LINE) -> str:
    """As `clean`, every run of white space as one blank."""
    return clean(" ".join(clean(text, 2 * limit).split()), limit)


def quoted(text: str, *secrets: str, limit: int = 200) -> str:
    """What a provider said, fit for an error: one line, without our own secrets and without what looks like one."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, MASK)
    return one_line(hide_secrets(text), limit)


def web_address(url: str) -> str | None:
    """The address if it can be offered as a link: http or https, no blanks or control characters, not endless."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    fine = parts.scheme in ("http", "https") and parts.netloc and len(url) <= PARAGRAPH
    return url if fine and url.isprintable() and " " not in url else None

"""Text that people and programs send, made fit for every database and every terminal."""

from __future__ import annotations

import re

UNSTORABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
"""PostgreSQL holds no NUL, UTF-8 no lone surrogate, and a terminal obeys the other control characters."""


def clean(value: str) -> str:
    """Every character that can't be stored or would drive a terminal becomes U+FFFD; tabs and line ends stay."""
    if value.isprintable():
        return value
    return UNSTORABLE.sub("\ufffd", value.replace("\r\n", "\n"))

"""Times as senders write them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

EARLIEST = datetime(1980, 1, 1, tzinfo=UTC)
"""No alert started before; what lies there is a sender's "not set": Go's year 1, epoch 0."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EPOCH_TEXT = re.compile(r"\d{9,19}(?:\.\d+)?")
EPOCH_UNITS = ((1e11, 1), (1e14, 10**3), (1e17, 10**6), (1e20, 10**9))
"""Below the first number the second is how many units make a second: seconds, milli-, micro- and nanoseconds."""

SPOKEN = re.compile(
    r"(\d{4})[-./](\d{2})[-./](\d{2})[T ]+(\d{2}:\d{2}:\d{2}(?:[.,]\d+)?)"
    r" ?(?:([+-]\d{2}:?\d{2})(?: [A-Z]{1,5})?(?: m=\S+)?|[Zz]|UTC|GMT)?"
)
"""What ISO 8601 does not cover: other marks in the date, blanks, and the zone as Go prints it (`+0000 UTC`)."""


def read_time(value: object) -> datetime | None:
    """The time in UTC; None where none was sent, the sender's "not set" was, or it is in no form known here.

    Reads RFC 3339 with any number of fractional digits, `+0000` for a zone, a blank for the T, no zone at all (UTC),
    `2026.11.20 11:36:22`, and seconds, milli-, micro- and nanoseconds since 1970 as a number or its text. Never
    raises: a page must not be lost to an odd date.
    """
    try:
        at = _read(value)
        return at.astimezone(UTC) if at is not None and at >= EARLIEST else None
    except (ValueError, OverflowError):
        return None


def _read(value: object) -> datetime | None:
    if isinstance(value, str):
        return _from_text(value.strip())
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _from_epoch(value)
    return None


def _from_text(text: str) -> datetime | None:
    if EPOCH_TEXT.fullmatch(text):
        return _from_epoch(float(text))
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = datetime.fromisoformat(_in_iso(text))
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _in_iso(text: str) -> str:
    spoken = SPOKEN.fullmatch(text)
    if spoken is None:
        return ""
    year, month, day, clock, zone = spoken.groups()
    return f"{year}-{month}-{day}T{clock}{zone or ''}"


def _from_epoch(number: float) -> datetime | None:
    unit = next((unit for below, unit in EPOCH_UNITS if number < below), None)
    return EPOCH + timedelta(seconds=number / unit) if unit else None

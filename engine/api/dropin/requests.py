"""Ids of requests that say by themselves what became of them, so that no engine has to remember any.

Opsgenie answers a request with an id, under which what came of it can be asked for later, of any engine, also after a
restart. Here the answer is known when the id is given: it is a UUID (version 8, RFC 9562) that holds it.

    48 bits  when, in milliseconds since 1970
     4 bits  the version
     3 bits  what was asked
     9 bits  chance, so that two ids differ
     2 bits  the variant
    38 bits  the number of the incident; 0 where nothing was done
    24 bits  the start of the hash of the alert's fingerprint, to tell it from the incident's other alerts
"""

from __future__ import annotations

import hashlib
import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
VERSION, VARIANT = 8, 0b10
CHANCE_BITS, INCIDENT_BITS, MARK_BITS = 9, 38, 24


class Asked(IntEnum):
    """What may be asked; the numbers stay, for they are in ids that were given."""

    CREATE = 0
    CLOSE = 1
    ACKNOWLEDGE = 2
    ADD_NOTE = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Answered:
    """`incident` is None where there was no alert to do it to."""

    asked: Asked
    at: datetime
    incident: int | None
    mark: int

    def to_id(self) -> str:
        number = (self.at - EPOCH) // timedelta(milliseconds=1)
        for value, bits in (
            (VERSION, 4),
            (self.asked, 3),
            (secrets.randbits(CHANCE_BITS), CHANCE_BITS),
            (VARIANT, 2),
            (self.incident or 0, INCIDENT_BITS),
            (self.mark, MARK_BITS),
        ):
            number = number << bits | value
        return str(uuid.UUID(int=number))

    def alert_among(self, names: Mapping[int, str]) -> tuple[int, str] | None:
        """Number and fingerprint of the alert that it was about. `names`: those of its incident's alerts."""
        return next(((number, name) for number, name in names.items() if mark_of(name) == self.mark), None)


def mark_of(fingerprint: str) -> int:
    return int.from_bytes(hashlib.blake2b(fingerprint.encode(), digest_size=MARK_BITS // 8).digest(), "big")


def read_id(text: str) -> Answered | None:
    """None for what is no id of ours."""
    try:
        found = uuid.UUID(text)
        asked, at = Asked(found.int >> 73 & 0b111), EPOCH + timedelta(milliseconds=found.int >> 80)
    except (ValueError, OverflowError):
        return None
    if found.version != VERSION or found.variant != uuid.RFC_4122:
        return None
    incident = found.int >> MARK_BITS & (1 << INCIDENT_BITS) - 1
    return Answered(asked=asked, at=at, incident=incident or None, mark=found.int & (1 << MARK_BITS) - 1)

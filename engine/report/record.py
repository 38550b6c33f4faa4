"""Reading the timeline's data. Lines of older versions may lack a key: what is missing is None, never a fault."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, datetime

from engine.core.model import RecordedEvent
from engine.core.timeline import Kind
from engine.report.words import Stamps

# What ends the wait for an answer.
ENDS = (Kind.ACKNOWLEDGED, Kind.RESOLVED, Kind.CLOSED, Kind.CANCELLED, Kind.MERGED)


def of_kind(events: Iterable[RecordedEvent], kinds: Kind | Collection[Kind]) -> Iterator[RecordedEvent]:
    wanted = (kinds,) if isinstance(kinds, Kind) else kinds
    return (event for event in events if event.kind in wanted)


def first(events: Iterable[RecordedEvent], kinds: Kind | Collection[Kind]) -> RecordedEvent | None:
    return next(of_kind(events, kinds), None)


def text(event: RecordedEvent, key: str) -> str:
    value = event.data.get(key)
    return "" if value is None or isinstance(value, (list, tuple, dict)) else str(value)


def texts(event: RecordedEvent, key: str) -> tuple[str, ...]:
    value = event.data.get(key)
    return tuple(str(item) for item in value) if isinstance(value, (list, tuple)) else ()


def number(event: RecordedEvent, key: str) -> float | None:
    value = event.data.get(key)
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def whole(event: RecordedEvent, key: str) -> int | None:
    value = event.data.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def moment(event: RecordedEvent, key: str) -> datetime | None:
    """A time as the timeline holds it, RFC 3339; taken as UTC where no zone stands."""
    value = event.data.get(key)
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if not isinstance(value, datetime):
        return None
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def stamp(event: RecordedEvent, key: str, stamps: Stamps) -> str:
    return stamps.full(moment(event, key))


def by_person(event: RecordedEvent) -> bool:
    """A person did it, also where a program did it with a person's token."""
    return event.actor.startswith(("person:", "token:"))


def seconds_between(start: datetime, end: datetime) -> float:
    return (end - start).total_seconds()

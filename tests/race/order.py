"""What the order of a timeline rules out, whoever wrote its lines: no engine's rules are asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

TIMERS = ("response.breached", "level.escalated", "level.superseded", "lease.asked", "incident.unacknowledged")


@dataclass(kw_only=True)
class _Standing:
    """Of one incident between two lines of its timeline. `fired`: by timers, since paging last began anew."""

    owned: bool = False
    over: bool = False
    asked: bool = False
    fired: Counter[tuple[str, object]] = field(default_factory=Counter)


def faults(ref: str, lines: Sequence[Any]) -> Iterator[str]:
    """`lines`: rows of the timeline, in order."""
    now = _Standing()
    pages = Counter(line.data["page"] for line in lines if line.kind == "page.decided")
    yield from (f"{ref}: {page} was decided {count} times" for page, count in pages.items() if count > 1)
    for line in lines:
        yield from (f"{ref} line {line.seq}: {why}" for why in _refuses(now, line))
        _follow(now, line)


def _refuses(now: _Standing, line: Any) -> Iterator[str]:
    if now.owned and line.kind == "response.breached":
        yield "breached, though somebody had acknowledged"
    if now.over and line.kind in (*TIMERS, "page.decided"):
        yield f"{line.kind}, though it was resolved"
    if line.kind == "lease.asked" and now.asked:
        yield "asked twice"
    if line.kind in ("lease.asked", "incident.unacknowledged") and not now.owned:
        yield f"{line.kind}, though nobody had it"
    if line.kind == "incident.unacknowledged" and not now.asked:
        yield "taken away from an owner who had answered"
    if now.fired[line.kind, line.data.get("level")] and line.kind in TIMERS[:3]:
        yield f"{line.kind} fired twice"


def _follow(now: _Standing, line: Any) -> None:
    match line.kind:
        case "incident.acknowledged":
            now.owned, now.asked = True, False
        case "lease.renewed":
            now.asked = False
        case "lease.asked":
            now.asked = True
        case "incident.unacknowledged":
            now.owned, now.asked = False, False
            now.fired.clear()
        case "incident.resolved":
            now.over = True
    if line.kind in TIMERS[:3]:
        now.fired[line.kind, line.data.get("level")] += 1

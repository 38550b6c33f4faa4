"""First lines, made for a lock screen."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from engine.core.model import (
    Incident,
    Message,
    MessageKind,
)


def headline(
    incident: Incident, message: Message, zone: str, *, repeated: bool = False, late: timedelta | None = None
) -> str:
    """Made for a lock screen: priority, what, by when, who the reader is in the ladder."""
    parts = [f"{incident.priority} {_shorten(incident.title, 70)}"]
    if repeated:
        parts.insert(0, "(repeated)")
    if message.kind is MessageKind.QUESTION:
        parts.append("still on it?")
    if message.respond_by:
        parts.append(f"answer by {_clock(message.respond_by, incident.cycle_started_at, ZoneInfo(zone))}")
    if message.seat:
        parts.append(f"you are {message.seat}, {message.level_title} (level {message.level})")
    if late:
        parts.append(f"late by {max(1, round(late.total_seconds() / 60))} min")
    parts.append(incident.ref)
    return " · ".join(parts)


def bundle_headline(told: Sequence[tuple[Incident, Message]], zone: str, *, repeated: bool = False) -> str:
    """The first line of a message that stands for several, the most urgent first: `P0 +37 more: Checkout down and
    others; respond by 03:15 CET`, the time being the earliest."""
    first, more = told[0][0], len(told) - 1
    others = "others" if more > 1 else "another"
    line = f"{first.priority} +{more} more: {_shorten(first.title, 60)} and {others}"
    due = min((message.respond_by for _, message in told if message.respond_by), default=None)
    answer = f"; respond by {_clock(due, first.cycle_started_at, ZoneInfo(zone))}" if due else ""
    return f"{'(repeated) ' if repeated else ''}{line}{answer}"


def _clock(at: datetime, today: datetime, zone: ZoneInfo) -> str:
    """`03:35 CET`; on another day than `today` with the date."""
    local = at.astimezone(zone)
    date = "" if local.date() == today.astimezone(zone).date() else f"{local:%a} {local.day} {local:%b} "
    return f"{date}{local:%H:%M %Z}"


def standing(incident: Incident, how: str) -> str:
    """The first line of a message that asks nothing of its reader any more."""
    return f"{incident.priority} {_shorten(incident.title, 70)} · {how} · {incident.ref}"


def _shorten(text: str, limit: int) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= limit else flat[: limit - 1].rstrip() + "…"

"""What many commands take, and how it is read: zones, spans, times."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer

from engine.core.spans import read_span

LOCALTIME = Path("/etc/localtime")
ZONES = "zoneinfo/"


def find_zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise typer.BadParameter(f"{name!r} is not a time zone; write it like Europe/Berlin or UTC") from error


def machine_zone() -> ZoneInfo:
    """TZ, else what /etc/localtime points to, else UTC; a time on the screen always names its zone."""
    linked = str(LOCALTIME.resolve()).partition(ZONES)[2].replace("Etc/UTC", "UTC")
    for name in (os.environ.get("TZ", "").removeprefix(":"), linked):
        try:
            return ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            continue
    return ZoneInfo("UTC")


def parse_span(text: str | timedelta) -> timedelta:
    try:
        span = read_span(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    assert isinstance(span, timedelta)  # noqa: S101 - read_span returns nothing else for a text
    return span


def parse_moment(text: str, zone: ZoneInfo) -> datetime:
    """`2026-11-21 03:10` on the reader's wall clock, or with a zone of its own; in UTC. A time that the clock shows
    twice, in autumn, is taken the first time."""
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is not a time; write it like '2026-11-21 03:10'") from error
    return (at if at.tzinfo else at.replace(tzinfo=zone)).astimezone(UTC)


def parse_label(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign or not name.strip():
        raise typer.BadParameter(f"{text!r} is not a label; write it like severity=critical")
    return name.strip(), value.strip()


def parse_header(text: str) -> tuple[str, str]:
    """With its name in lower case, as sources look for it."""
    name, sign, value = text.partition(":")
    if not sign or not name.strip():
        raise typer.BadParameter(f"{text!r} is not a header; write it like 'X-Event: alert'")
    return name.strip().lower(), value.strip()


ConfigFile = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="Default: the configuration in force.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON, times in UTC.")]
Zone = Annotated[
    ZoneInfo | None,
    typer.Option("--zone", parser=find_zone, metavar="ZONE", help="Time zone of the reader; default: this machine's."),
]
As = Annotated[
    str | None,
    typer.Option("--as", metavar="CONTACT", help="The contact who acts; default: you, as cli:<user>."),
]
Ref = Annotated[str, typer.Argument(metavar="INCIDENT", help="Like INC-42.", show_default=False)]

"""Pieces of Slack's mrkdwn. What comes from an alert or a person goes through `plain`, so that it can't mention anyone,
link anywhere or pass itself off as one of our own lines.

Slack's rules for such text: docs.slack.dev/messaging/formatting-message-text
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache

from engine.ports import Envelope
from integrations.channels.foreign import LINE, one_line, web_address
from integrations.channels.wording import show_time, zone_name

PAIRED_MARKS = re.compile(r"(?<!\w)([*_~`])(?=\S).*?(?<=\S)\1(?!\w)")
LOOK_ALIKES = str.maketrans("*_~`", "\u2217\u02cd\u223c\u02cb")
LINK_TITLE = 80
TONIGHT = timedelta(hours=12)
"""Within it a time of day says enough; beyond it the date stands with it."""


@lru_cache(maxsize=4096)  # the card, the page and each update of either say mostly the same
def plain(text: str, most: int = LINE) -> str:
    """Foreign text as inert mrkdwn on one line, at most `most` characters after escaping.

    A pair of marks that Slack would read as bold, italic, struck or code becomes look-alikes; single ones stay, so that
    a path or a host name can still be copied.
    """
    line = PAIRED_MARKS.sub(lambda pair: pair[0].translate(LOOK_ALIKES), one_line(text, most))
    room = most
    while len(shown := html.escape(one_line(line, room), quote=False)) > most:
        room -= max(1, (len(shown) - most) // len("&amp;"))
    return shown


def link(title: str, url: str) -> str:
    """A link, or just its title where `url` is no web address."""
    shown = plain(title, LINK_TITLE) or "link"
    address = web_address(url)
    if address is None:
        return shown
    return f"<{html.escape(address.replace('|', '%7C'), quote=False)}|{shown}>"


def clock(at: datetime, *, now: datetime, zone: str) -> str:
    """`03:30 CET`, for the places where Slack replaces nothing."""
    shown, name = show_time(at, zone=zone, now=now), zone_name(zone, at)
    return shown if shown.endswith(name) else f"{shown} {name}"


def when(envelope: Envelope, at: datetime) -> str:
    """A time that Slack shows in each reader's own zone, and clients that can't in the recipient's."""
    return moment(at, now=envelope.now, zone=envelope.zone)


def moment(at: datetime, *, now: datetime, zone: str) -> str:
    """The same outside of a message."""
    shape = "{time}" if abs(at - now) < TONIGHT else "{date_short_pretty} {time}"
    return f"<!date^{int(at.timestamp())}^{shape}|{clock(at, now=now, zone=zone)}>"


def stack(lines: Sequence[str], most: int) -> str:
    """The lines below each other, as many as fit whole into `most` characters; how many are missing is said."""
    for count in range(len(lines), 0, -1):
        missing = [f"…and {len(lines) - count} more"] if count < len(lines) else []
        text = "\n".join([*lines[:count], *missing])
        if len(text) <= most:
            return text
    return f"…and {len(lines)} more"

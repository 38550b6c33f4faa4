"""A message as a mail server hands it over (RFC 5322, MIME), read without ever raising for what is odd in it."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from datetime import datetime
from email.errors import HeaderParseError
from email.header import Header, decode_header, make_header
from email.message import Message
from email.parser import BytesParser
from email.utils import getaddresses, parsedate_to_datetime
from itertools import islice

from integrations.sources.reading import SUMMARY, line
from integrations.sources.times import read_time

LARGEST = 256 * 1024
"""Bytes that are looked at. What comes after them is an attachment."""
LARGEST_TEXT = 64 * 1024
LARGEST_HEADER = 4_000
MOST_HEADERS = 100
MOST_PARTS = 50
SLOW = ("idna", "punycode")
"""Charsets whose decoding takes the square of the length, and that no mail is written in."""

TAG = re.compile(r"<(/?)([a-zA-Z!][a-zA-Z0-9]{0,20})[^<>]*>")
UNSEEN = ("head", "script", "style", "title")
BLOCKS = ("br", "div", "h1", "h2", "h3", "li", "p", "table", "tr")


class Mail:
    """Raises RecursionError for parts within parts within parts."""

    def __init__(self, raw: bytes) -> None:
        self._message: Message = BytesParser().parsebytes(raw[:LARGEST])
        self.plain, self.html = _texts(self._message)

    def header(self, name: str) -> str:
        """Decoded, on one line; "" where it is missing."""
        return _decoded(self._message.get(name))

    def headers(self, prefix: str) -> dict[str, str]:
        """The first of each name that begins so, by what comes after it, in lower case."""
        found: dict[str, str | Header] = {}
        for name, value in self._message.items():
            if name.lower().startswith(prefix) and len(found) < MOST_HEADERS:
                found.setdefault(name.lower().removeprefix(prefix), value)
        return {name: _decoded(value) for name, value in found.items()}

    def address(self, name: str) -> str:
        """The first address in a header, in lower case. Of several, `parseaddr` of a newer Python gives none."""
        found = getaddresses([self.header(name)])
        return line(found[0][1], SUMMARY).lower() if found else ""

    @property
    def date(self) -> datetime | None:
        try:
            return read_time(parsedate_to_datetime(self.header("Date")).isoformat())
        except (ValueError, TypeError, OverflowError, IndexError):  # whatever a sender takes for a date
            return None

    @property
    def text(self) -> str:
        """What a reader sees of it."""
        return self.plain or _seen(self.html)

    @property
    def is_report(self) -> bool:
        """A mail server's own word on another mail: it has bounced, it is late (RFC 3462)."""
        return self._message.get_content_type() == "multipart/report"


def _decoded(value: str | Header | None) -> str:
    if value is None:
        return ""
    if isinstance(value, Header):  # it holds bytes that are in no encoding
        return line(str(value)[:LARGEST_HEADER], SUMMARY)
    written = line(value[:LARGEST_HEADER], SUMMARY)
    try:
        return line(str(make_header(decode_header(value[:LARGEST_HEADER]))), SUMMARY) or written
    except (HeaderParseError, LookupError, ValueError):
        return written


def _texts(message: Message) -> tuple[str, str]:
    """The first plain text and the first HTML that are no attachment."""
    found: dict[str, str] = {}
    for part in islice(message.walk(), MOST_PARTS):
        if not part.is_multipart() and part.get_content_disposition() != "attachment":
            found.setdefault(part.get_content_type(), _content(part))
    return found.get("text/plain", "").strip(), found.get("text/html", "")


def _content(part: Message) -> str:
    payload = part.get_payload(decode=True)
    content = payload[:LARGEST_TEXT] if isinstance(payload, bytes) else b""
    charset = part.get_content_charset("utf-8")
    try:
        return content.decode("utf-8" if charset in SLOW else charset, "replace")
    except (LookupError, ValueError):
        return content.decode("utf-8", "replace")


def _seen(page: str) -> str:
    lines = (" ".join(shown.split()) for shown in "".join(_shown(page)).splitlines())
    return "\n".join(filter(None, lines))


def _shown(page: str) -> Iterator[str]:
    """The text between the tags. No more than that: nobody's browser is the judge of it."""
    start, unseen = 0, ""
    for tag in TAG.finditer(page):
        if not unseen:
            yield html.unescape(page[start : tag.start()]).replace("\n", " ")
        start, name = tag.end(), tag[2].lower()
        if name in BLOCKS:
            yield "\n"
        if name == unseen and tag[1]:
            unseen = ""
        elif name in UNSEEN and not tag[1] and not unseen:
            unseen = name
    if not unseen:
        yield html.unescape(page[start:])

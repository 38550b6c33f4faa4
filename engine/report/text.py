"""Text from outside. An alert may hold anything; what no reader can see, or no format can hold, ends here."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping
from urllib.parse import quote, urlsplit

from pydantic import JsonValue

LINE_ENDS = re.compile(r"\r\n?|[\v\f\x85\u2028\u2029]")
SURROGATES = re.compile(r"[\ud800-\udfff]")
# Control characters can drive a terminal, direction overrides and tag characters can make a line read as another one.
HIDDEN = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufdd0-\ufdef\ufeff\ufff9-\ufffb\ufffe\uffff"
    r"\U000e0000-\U000e007f]"
)
# Marks piled on one letter run across the lines around it, and a PDF reader may refuse a letter of a thousand marks.
MARKS = r"\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
PILED = re.compile(rf"([{MARKS}]{{4}})[{MARKS}]+")
URL_SIGNS = "%/:?#[]@!$&'()*+,;=-._~"
URL_LIMIT = 2_000
WORD = re.compile(r"[^\s\u200b]+")
PIECE = 10  # letters of a broken word that stay together
ZERO_WIDTH_SPACE = "\u200b"


def scrub(text: str) -> str:
    """Lone surrogates, which UTF-8 cannot hold, become U+FFFD."""
    return SURROGATES.sub("\ufffd", text)


def clean(text: str) -> str:
    """As a reader may see it: plain line ends, nothing invisible, no more than four marks on a letter."""
    if text.isascii() and text.isprintable():
        return text
    return PILED.sub(r"\1", HIDDEN.sub("", LINE_ENDS.sub("\n", scrub(text))))


def fold(text: str) -> str:
    """On one line, blanks as single spaces."""
    return " ".join(text.split())


def shorten(text: str, limit: int) -> str:
    """At most `limit` characters; a cut is marked by an ellipsis."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def breakable(text: str, limit: int) -> str:
    """Marks with zero-width spaces where words of more than `limit` letters may wrap; never in front of a mark that
    belongs to the letter before."""
    return WORD.sub(
        lambda match: _split(match[0], min(limit // 2 or 1, PIECE)) if len(match[0]) > limit else match[0], text
    )


def _split(word: str, size: int) -> str:
    parts = [word[0]]
    since = 1
    for letter in word[1:]:
        if since >= size and not _belongs_to_previous(letter):
            parts.append(ZERO_WIDTH_SPACE)
            since = 0
        parts.append(letter)
        since += 1
    return "".join(parts)


def _belongs_to_previous(letter: str) -> bool:
    return unicodedata.category(letter) in ("Mn", "Mc", "Me", "Cf")


def web_address(value: object) -> str | None:
    """The address if a reader may follow it: http or https, with a host, without credentials; else None."""
    text = scrub(str(value)).strip()
    if len(text) > URL_LIMIT or len(text.split()) != 1 or HIDDEN.search(text):
        return None
    try:
        parts = urlsplit(text)
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not parts.netloc or "@" in parts.netloc:
        return None
    return quote(text, safe=URL_SIGNS)


def host(url: str) -> str:
    """Where a link really leads."""
    return urlsplit(url).netloc


def json_object(value: Mapping[str, object]) -> dict[str, JsonValue]:
    """The same as JSON holds it; lone surrogates become U+FFFD, what JSON does not know becomes its text."""
    return {scrub(str(key)): _json_value(item) for key, item in value.items()}


def _json_value(value: object) -> JsonValue:
    if isinstance(value, Mapping):
        return json_object(value)
    if isinstance(value, (list, tuple)):
        return [_json_value(item) for item in value]
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    return scrub(str(value))

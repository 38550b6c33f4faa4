"""Foreign JSON becomes values that the engine can store, compare and show.

Lengths are in characters. What is longer is cut and ends in an ellipsis, or, where it identifies something, in a hash.
"""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, TypeVar

import msgspec

from engine.core.errors import Unreadable
from engine.core.model import Alert, AlertStatus, Link
from engine.core.texts import clean
from engine.ports import Fault, Parsed

TITLE = 300
SUMMARY = 4_000
LABEL = 1_000
ANNOTATION = 4_000
NAME = 200
SERVICE = 120
GROUP = 400
FINGERPRINT = 200
URL = 2_000
MOST_LABELS = 100
"""Labels, and annotations, of one alert. Beyond it those that decide something stay, then the alphabet rules."""

SERVICE_LABELS = ("service", "service_name", "app", "app_kubernetes_io_name", "application", "job")
"""The labels that name the service; the first that is there wins."""

DECIDING = frozenset({"alertname", "severity", "priority", "category", "type", "impact", "summary", *SERVICE_LABELS})

KNOWN_LINKS = (
    ("Runbook", "runbook_url"),
    ("Runbook", "runbook"),
    ("Dashboard", "dashboard_url"),
    ("Dashboard", "dashboard"),
)
"""Annotations that hold an address, and what the link to it is called."""

BOM = b"\xef\xbb\xbf"
SURROGATE_ESCAPES = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})|\\."
)
NOT_ALPHANUMERIC = re.compile(r"[^a-zA-Z0-9]")
WEB_ADDRESS = re.compile(r"https?://[^\s/?#@]+(?:[/?#]\S*)?", re.IGNORECASE)

JSON = msgspec.json.Decoder()

T = TypeVar("T")


def decode(decoder: msgspec.json.Decoder[T], body: bytes | msgspec.Raw) -> T:
    """Raises Unreadable with the JSON path and what is wrong there."""
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise _misfit(error) from error
    except UnicodeDecodeError as error:
        raise Unreadable("$", "text that is not UTF-8, as JSON has to be") from error
    except RecursionError as error:
        raise Unreadable("$", "nested too deeply to be an alert") from error
    except msgspec.DecodeError as error:
        raise Unreadable("$", f"not JSON: {error}") from error


def _misfit(error: msgspec.ValidationError) -> Unreadable:
    reason, _, path = str(error).partition(" - at `")
    return Unreadable(path.rstrip("`") or "$", reason)


def tidy(body: bytes) -> bytes:
    """The body as msgspec takes it: without a byte order mark, and with U+FFFD for escapes of half a character."""
    body = body.removeprefix(BOM)
    if b"\\ud" not in body and b"\\uD" not in body:
        return body
    return SURROGATE_ESCAPES.sub(lambda match: rb"\ufffd" if match[1] else match[0], body)


def read_each(items: Iterable[T], read: Callable[[T], Alert], path: Callable[[int], str]) -> Parsed:
    """Reads what can be read; raises Unreadable with the first fault where that is nothing.

    `read` raises Unreadable with a path that starts at its item; `path` says where the item stands in the body.
    """
    alerts: list[Alert] = []
    faults: list[Fault] = []
    for number, item in enumerate(items):
        try:
            alerts.append(read(item))
        except Unreadable as error:
            faults.append(Fault(path=path(number) + error.path.removeprefix("$"), reason=error.reason))
        except RecursionError:
            faults.append(Fault(path=path(number), reason="nested too deeply to be an alert"))
    if faults and not alerts:
        raise Unreadable(faults[0].path, faults[0].reason)
    return Parsed(alerts=tuple(alerts), faults=tuple(faults))


def read_one(kind: type[T], body: bytes, read: Callable[[T], Alert | str]) -> Parsed:
    """Of a sender whose body is one alert. `read` gets it as a structure; a text that it returns is the note which says
    why there is no alert. Raises Unreadable with the JSON path and what is wrong there."""
    # All of it is decoded first, so that what is no JSON is found in what nobody asks for as well.
    value = decode(JSON, tidy(body))
    with shallow():
        try:
            found = read(msgspec.convert(value, kind))
        except msgspec.ValidationError as error:
            raise _misfit(error) from error
    return Parsed(alerts=(), note=found) if isinstance(found, str) else Parsed(alerts=(found,))


@contextmanager
def shallow() -> Iterator[None]:
    """What was decoded may be nested too deeply to be encoded again: raises Unreadable then."""
    try:
        yield
    except RecursionError as error:
        raise Unreadable("$", "nested too deeply to be an alert") from error


def required(value: str, path: str, what: str) -> str:
    """The value; raises Unreadable where it is empty. `what` is wanted there."""
    if not value:
        raise Unreadable(path, f"missing or empty; {what} is needed")
    return value


def status_of(said: object, words: Mapping[str, AlertStatus], path: str) -> AlertStatus:
    """What the sender's word stands for, in any case; raises Unreadable with the words that would be right."""
    status = words.get(line(said, NAME).lower())
    if status is None:
        *others, last = (f'"{word}"' for word in words)
        right = f"{', '.join(others)} or {last}" if others else last
        raise Unreadable(path, f"{said!r:.40} is not a status; {right} is")
    return status


def text(value: object, limit: int) -> str:
    """The value as text of at most `limit` characters; "" for null. What is neither text nor a number becomes JSON."""
    if isinstance(value, str):
        shown = clean(value)
    elif value is None:
        return ""
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        shown = str(value)
    else:
        shown = clean(msgspec.json.encode(value).decode())
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def line(value: object, limit: int) -> str:
    """As text, on one line."""
    return " ".join(text(value, limit).split())


def paragraphs(*values: object) -> str:
    """As a summary: each that says something in a paragraph of its own."""
    return text("\n\n".join(filter(None, (text(value, SUMMARY) for value in values))), SUMMARY)


def identity(value: object, limit: int) -> str:
    """As text; what is too long keeps its beginning and gets the hash of the whole, so that it stays distinct."""
    whole = text(value, sys.maxsize)
    return whole if len(whole) <= limit else f"{whole[: limit - 33]}…{digest(whole)}"


def digest(value: object) -> str:
    """32 hex digits that are the same for the same JSON value, whatever the order of its keys."""
    return hashlib.blake2b(msgspec.json.encode(value, order="deterministic"), digest_size=16).hexdigest()


def texts(values: Mapping[str, Any], limit: int) -> dict[str, str]:
    """Labels or annotations as text. An empty one is left out: to a matcher that is the same as a missing one."""
    read = {}
    for name, value in values.items():
        shown = value if type(value) is str and len(value) <= limit and value.isprintable() else text(value, limit)
        if shown:
            read[text(name, NAME)] = shown
    return read if len(read) <= MOST_LABELS else _fewest(read)


def details(values: object) -> tuple[dict[str, str], dict[str, str]]:
    """What a sender adds of its own accord, as labels and annotations. A label, which rules may look at, is a text of
    one line or a number. Anything else is an annotation, as are addresses, and a `priority`: another system's P3 may be
    what it wakes people for."""
    if not isinstance(values, dict):
        return {}, {"details": shown} if (shown := text(values, ANNOTATION)) else {}
    short = {name: value for name, value in values.items() if name.lower() != "priority" and _is_short(value)}
    return texts(short, LABEL), texts({name: values[name] for name in values if name not in short}, ANNOTATION)


def _is_short(value: object) -> bool:
    if isinstance(value, str):
        return len(value) <= LABEL and "\n" not in value and not WEB_ADDRESS.match(value)
    return isinstance(value, (int, float))


def _fewest(read: Mapping[str, str]) -> dict[str, str]:
    kept = sorted(read, key=lambda name: (name not in DECIDING, name))[: MOST_LABELS - 1]
    return {name: read[name] for name in kept} | {"left_out": f"{len(read) - len(kept)} more"}


def service_of(labels: Mapping[str, str]) -> str | None:
    for name in SERVICE_LABELS:
        if name in labels:
            return identity(labels[name], SERVICE)
    return None


def tagged_service(tags: Mapping[str, str]) -> str | None:
    """The same among names that people write in their own ways: `ServiceName`, `app.kubernetes.io/name`, `Service`."""
    plain = {_plain(name): tags[name] for name in reversed(list(tags))}
    return service_of({name: plain[_plain(name)] for name in SERVICE_LABELS if _plain(name) in plain})


def _plain(name: str) -> str:
    return NOT_ALPHANUMERIC.sub("", name).lower()


def members(value: object) -> Mapping[str, Any]:
    """Those of an object; none where it is anything else."""
    return value if isinstance(value, dict) else {}


def items(value: object) -> Sequence[Any]:
    """Those of a list; none where it is anything else."""
    return value if isinstance(value, list) else ()


def links(addresses: Sequence[tuple[str, object]]) -> tuple[Link, ...]:
    """Those that a browser may follow: http or https, no credentials, not cut short. The same address once."""
    read: dict[str, Link] = {}
    for title, value in addresses:
        if isinstance(value, str) and len(value) <= URL and _is_address(value):
            read.setdefault(value, Link(title=title, url=value))
    return tuple(read.values())


@lru_cache(maxsize=1024)  # the alerts of one rule name the same few
def _is_address(value: str) -> bool:
    return value.isprintable() and WEB_ADDRESS.fullmatch(value) is not None

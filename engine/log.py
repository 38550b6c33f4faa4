"""What the process says about itself: one event per outcome, for people (console) or for machines (JSON), no secrets.

structlog and the standard library's logging (uvicorn, SQLAlchemy, the Slack SDK) share one stream and one redaction.
"""

from __future__ import annotations

import contextlib
import json
import logging
import math
import re
import sys
from collections.abc import Iterable, Mapping
from typing import TextIO
from urllib.parse import quote

import structlog
from pydantic import SecretStr
from structlog.typing import EventDict, Processor, WrappedLogger

from engine.core.secrecy import MASK, hide_secrets, looks_secret

DEEPEST = 8
QUIET = (
    "aiosmtpd",
    "alembic",
    "apscheduler",
    "asyncio",
    "slack_bolt",
    "slack_sdk",
    "sqlalchemy",
    "uvicorn.access",
)
"""Loggers of others that are heard from warnings on; what they tell below that, our own events tell."""

SILENT = ("mail",)
"""aiosmtpd's, which repeats what it was sent, and an address that mail is sent to holds a key."""

MULTILINE = ("exception", "stack")
# What an alert says may reach a log line: it must neither move the reader's cursor nor pass for a second line.
CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
CONTROL_BUT_LINES = re.compile(CONTROL.pattern.replace("\\x0a", "\\x0b"))


class Redactor:
    """The processor that lets no secret through: by a value's name, by its type, by its looks, and by knowing it."""

    def __init__(self) -> None:
        self._known: tuple[str, ...] = ()

    def hide(self, secrets: Iterable[str | SecretStr | None]) -> None:
        """From now on these values are masked wherever they turn up, however they are quoted."""
        plain = {_plain(secret) for secret in secrets} - {""}
        forms = {form for secret in plain for form in _forms(secret)}
        # The longest first: where one secret is part of another, nothing of the longer one is left over.
        self._known = tuple(sorted(forms.union(self._known), key=lambda form: (-len(form), form)))

    def __call__(self, logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
        return {self.text(name): self._named(name, value, 0) for name, value in event.items()}

    def text(self, text: str) -> str:
        """The text without known secrets and without what looks like one."""
        for secret in self._known:
            text = text.replace(secret, MASK)
        return hide_secrets(text)

    def _named(self, name: str, value: object, depth: int) -> object:
        if looks_secret(name) and value != "" and value is not None and not isinstance(value, bool):
            return MASK
        if isinstance(value, str) and depth == 0 and name in MULTILINE:
            return _escape(CONTROL_BUT_LINES, self.text(value))
        return self._value(value, depth)

    def _value(self, value: object, depth: int) -> object:
        if value is None or isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
            return value
        if depth >= DEEPEST:
            return "…"
        if isinstance(value, Mapping):
            return {self.text(str(name)): self._named(str(name), item, depth + 1) for name, item in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return self._items(list(value), depth)
        return _escape(CONTROL, self.text(_spell(value)))

    def _items(self, items: list[object], depth: int) -> object:
        match items:
            case [str() | bytes() as name, _] if looks_secret(_spell(name)):
                return [_spell(name), MASK]  # HTTP headers travel as pairs
        return [self._value(item, depth + 1) for item in items]


class Stream(logging.StreamHandler[TextIO]):
    """Writes log lines. Where that fails, the standard handler would print the event as it was before redaction."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the standard library's name
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(f"a log event of {record.name} could not be written\n")


def set_up(*, as_json: bool, level: str = "info", stream: TextIO | None = None) -> Redactor:
    """Sends every log event of the process to `stream` (standard error). Returns what to tell further secrets to."""
    stream = sys.stderr if stream is None else stream
    redactor = Redactor()
    handler = Stream(stream)
    handler.setFormatter(_formatter(redactor, as_json=as_json, colors=stream.isatty()))
    _route(handler, level.upper())
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_common(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    return redactor


def _common() -> list[Processor]:
    """What every event gets, ours and others'. A traceback becomes text here, without the values of variables."""
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
    ]


def _formatter(redactor: Redactor, *, as_json: bool, colors: bool) -> logging.Formatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_common(),
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            redactor,
            _json() if as_json else _console(colors=colors),
        ],
    )


def _json() -> Processor:
    return structlog.processors.JSONRenderer()


def _console(*, colors: bool) -> Processor:
    # structlog's own choice would print the values of variables where Rich is installed.
    return structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=structlog.dev.plain_traceback)


def _route(handler: logging.Handler, level: str) -> None:
    """Everything goes through the root logger: handlers that libraries brought along are taken off."""
    for name in list(logging.root.manager.loggerDict):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in SILENT:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    logging.root.handlers[:] = [handler]
    logging.root.setLevel(level)
    logging.captureWarnings(capture=True)


def _plain(secret: str | SecretStr | None) -> str:
    return secret.get_secret_value() if isinstance(secret, SecretStr) else secret or ""


def _forms(secret: str) -> Iterable[str]:
    """As it is, in an address, in JSON, and as Python prints it."""
    return secret, quote(secret, safe=""), quote(secret), json.dumps(secret)[1:-1], repr(secret)[1:-1]


def _spell(value: object) -> str:
    if isinstance(value, SecretStr):
        return MASK
    if isinstance(value, bytes | bytearray):
        return bytes(value).decode("utf-8", "replace")
    return str(value)


def _escape(unsafe: re.Pattern[str], text: str) -> str:
    if text.isprintable():
        return text
    return unsafe.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), text)

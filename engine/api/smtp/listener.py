"""Where mail comes in: opened, moved and closed as the configuration in force says, in the engine's own loop."""

from __future__ import annotations

import asyncio
import os
import ssl
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import structlog

from engine.api.parts import Parts
from engine.api.senders import Senders
from engine.api.smtp.hooks import Hooks
from engine.api.smtp.protocol import Busy, Conversation
from engine.config.smtp import server_context
from engine.core.errors import SettingsError
from engine.core.smtp import SmtpListener
from engine.services.selfreport import SelfReport

log = structlog.get_logger()

MOST_CONNECTIONS = 100
GRACE = 10
"""Seconds in which mails that are on their way in are waited for, when it stops."""
FAULT = "mail listener"


@dataclass(frozen=True, kw_only=True, slots=True)
class Door:
    """What is listened on, and what senders encrypt with, as its files stood at that time."""

    terms: SmtpListener
    files: tuple[float, ...]
    tls: ssl.SSLContext | None


class MailListener:
    """The one of this engine. What keeps it from listening is an incident of its own, and it goes on trying."""

    def __init__(self, parts: Parts, senders: Senders, report: SelfReport) -> None:
        self._context = parts.context
        self.limit = parts.webhook_limit
        """In bytes, of a mail."""
        self._hooks = Hooks(parts, senders)
        self._report = report
        self._name = urlsplit(parts.context.base_url).hostname or "localhost"
        self._door: Door | None = None
        self._server: asyncio.Server | None = None
        self._conversations: set[Conversation] = set()
        self._told: str | None = None
        self._stopped = False

    @property
    def address(self) -> tuple[str, int] | None:
        """Where it really listens."""
        if self._server is None or not self._server.sockets:
            return None
        host, port = self._server.sockets[0].getsockname()[:2]
        return str(host), int(port)

    async def follow(self) -> None:
        """To be called now and then: an `apply` and a new certificate need no restart. Raises Overloaded."""
        revisions = self._context.revisions
        revision = revisions.seen
        if revision is None:
            revision = await self._context.database.read(revisions.current)
        terms = revision.config.smtp_listener
        if self._stopped:
            return
        if not self._as_wanted(terms):
            try:
                await self._move(terms)
            except (OSError, SettingsError) as error:
                await self._fail(terms, _why(error))
                return
            await self._report.over(FAULT)  # also where an engine before this one has told of it
        elif self._told is not None:
            await self._report.over(FAULT)
        self._told = None

    def _as_wanted(self, terms: SmtpListener | None) -> bool:
        if self._door is None or terms is None:
            return self._door is None and terms is None
        return self._door.terms == terms and self._door.files == _stamps(terms)

    async def _move(self, terms: SmtpListener | None) -> None:
        """A certificate that can't be used leaves the one before in use."""
        door = None if terms is None else _door(terms)
        if self._door is None or door is None or _place(self._door.terms) != _place(door.terms):
            self._close()
            self._door = None
            self._server = None if door is None else await self._listen(door.terms)
        self._door = door
        log.info("mail.listens", address=self.address, encrypted=door is not None and door.tls is not None)

    async def _listen(self, terms: SmtpListener) -> asyncio.Server:
        loop = asyncio.get_running_loop()
        return await loop.create_server(self._answer, terms.listen, terms.port, reuse_address=True)

    def _answer(self) -> asyncio.Protocol | Conversation:
        """Of a connection that has come in."""
        door = self._door
        if door is None or self._stopped or len(self._conversations) >= MOST_CONNECTIONS:
            return Busy()
        conversation = Conversation(
            self._hooks,
            name=self._name,
            limit=self.limit,
            tls=door.tls,
            tls_required=door.terms.starttls is not None and door.terms.starttls.required,
            left=self._conversations.discard,
        )
        self._conversations.add(conversation)
        return conversation

    def _close(self) -> None:
        """Takes no more connections. Those that there are go on."""
        if self._server is not None:
            self._server.close()
            self._server = None

    async def _fail(self, terms: SmtpListener | None, why: str) -> None:
        if why == self._told:
            return
        self._told = why
        place = f"{terms.listen}, port {terms.port}" if terms else ""
        log.warning("mail.listens_not", place=place, reason=why)
        summary = f"`smtp_listener` says {place}, and that fails: {why}. It is tried again every few seconds."
        await self._report.tell(FAULT, "Mail can't be taken as the configuration says", summary)

    async def stop(self) -> None:
        """No new connection; who has nothing under way is told to come again, and what is on its way in is taken."""
        self._stopped = True
        self._close()
        for conversation in list(self._conversations):
            conversation.leave()
        tasks = [one.task for one in self._conversations if one.task is not None]
        if tasks:
            await asyncio.wait(tasks, timeout=GRACE)
        for conversation in list(self._conversations):
            conversation.cut()
        if self._hooks.under_way:
            await asyncio.wait(self._hooks.under_way, timeout=GRACE)


def _door(terms: SmtpListener) -> Door:
    """Raises SettingsError."""
    tls = server_context(terms.starttls) if terms.starttls else None
    return Door(terms=terms, files=_stamps(terms), tls=tls)


def _stamps(terms: SmtpListener) -> tuple[float, ...]:
    """Other than before when one of the files is another. One that is away has none, and so differs."""
    files = (terms.starttls.certificate, terms.starttls.key) if terms.starttls else ()
    return tuple(_changed_at(path) for path in files)


def _changed_at(path: Path) -> float:
    with suppress(OSError):
        return path.stat().st_mtime
    return 0.0


def _place(terms: SmtpListener) -> tuple[str, int]:
    return terms.listen, terms.port


def _why(error: OSError | SettingsError) -> str:
    if isinstance(error, SettingsError):
        return str(error)
    known = isinstance(error.errno, int) and error.errno > 0
    return os.strerror(error.errno) if known and error.errno is not None else type(error).__name__

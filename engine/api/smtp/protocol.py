"""One connection of a sender of mail, as far as aiosmtpd leaves something to be said about it."""

from __future__ import annotations

import asyncio
import ssl
from collections import defaultdict
from collections.abc import Callable
from typing import cast

import structlog
from aiosmtpd.smtp import SMTP, syntax

from engine.api.smtp.answers import BROKE, FULL, LEAVING
from engine.api.smtp.hooks import Hooks, Letter

log = structlog.get_logger()

IDLE_SECONDS = 60
"""For the next command; RFC 5321, 4.5.3.2.7, would have 5 minutes, but connections are few, and senders hold none."""
MAIL_SECONDS = 300
"""For a mail as a whole."""
MOST_COMMANDS = 1000
"""Of each kind, in one connection."""
LONGEST_COMMAND = 1000
"""Bytes; an address of 256 (RFC 5321, 4.5.3.1.3) and its parameters are well within."""
PATIENCE = 4
"""A mail of so many times the limit is not waited for until its end."""


class Conversation(SMTP):
    """`left` is called when it is over. A line of a mail may be as long as it likes."""

    line_length_limit = 64 * 1024  # of the reader's: what comes without a line end is read in pieces of this size

    def __init__(
        self,
        hooks: Hooks,
        *,
        name: str,
        limit: int,
        tls: ssl.SSLContext | None,
        tls_required: bool,
        left: Callable[[Conversation], None],
    ) -> None:
        self.command_size_limits = defaultdict(lambda: LONGEST_COMMAND)  # aiosmtpd's own is one for all connections
        super().__init__(
            hooks,
            data_size_limit=limit,
            enable_SMTPUTF8=True,
            hostname=name,
            ident="Tocsin",
            tls_context=tls,
            require_starttls=tls_required,
            timeout=IDLE_SECONDS,
            auth_exclude_mechanism=("LOGIN", "PLAIN"),
            command_call_limit=MOST_COMMANDS,
            loop=asyncio.get_running_loop(),
        )
        self._limit = limit
        self._left = left
        self._busy = False
        self._leaving = False

    @property
    def task(self) -> asyncio.Task[None] | None:
        return self._handler_coroutine

    def leave(self) -> None:
        """At once, or as soon as the mail that is coming in has its answer."""
        self._leaving = True
        transport = cast("asyncio.WriteTransport | None", self.transport)
        if not self._busy and transport is not None and not transport.is_closing():
            self._writer.write(f"{LEAVING}\r\n".encode())
            transport.close()

    def cut(self) -> None:
        """Also where an encrypted one waits for the other end's farewell."""
        transport = self._original_transport or self.transport
        if transport is not None:
            cast("asyncio.WriteTransport", transport).abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if self._handler_coroutine is not None and self._original_transport is None:
            self._handler_coroutine.add_done_callback(_note_end)

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        self._left(self)

    def _create_envelope(self) -> Letter:
        return Letter(self._limit)

    async def handle_exception(self, error: Exception) -> str:
        """Its text and its trace may hold what was sent, an address with its key too."""
        log.warning("mail.session_broke", error=type(error).__name__)
        return BROKE

    @syntax("DATA")
    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802 - as aiosmtpd calls it
        """In place of aiosmtpd's, which holds no mail to a line's length of its own and drops what is too large before
        anybody could put it on record."""
        if await self.check_helo_needed():
            return
        letter = self.envelope
        if not isinstance(letter, Letter) or not letter.rcpt_tos:
            await self.push("503 5.5.1 Error: need RCPT command")
            return
        if arg:
            await self.push("501 5.5.4 Syntax: DATA")
            return
        self._busy = True
        self._reset_timeout(MAIL_SECONDS)
        await self.push("354 End data with <CR><LF>.<CR><LF>")
        whole = await self._read(letter)
        self._reset_timeout(MAIL_SECONDS)
        reply = await self._call_handler_hook("DATA")
        self.envelope = self._create_envelope()
        await self.push(reply)
        self._reset_timeout()
        self._busy = False
        if self.transport is not None and (self._leaving or not whole):
            self.transport.close()

    async def _read(self, letter: Letter) -> bool:
        """Up to the line with a lone dot, which has to be one in the strict sense: what else some take for the end of a
        mail, others smuggle mails in by. False where it is so large that its end was not waited for."""
        pieces: list[bytes] = []
        fresh = True
        while letter.size <= PATIENCE * self._limit:
            piece = await self._piece()
            if fresh and piece == b".\r\n":
                letter.mail = b"".join(pieces)
                return True
            own = piece[1:] if fresh and piece.startswith(b".") else piece  # RFC 5321, 4.5.2
            fresh = piece.endswith(b"\r\n")
            letter.size += len(own)
            if letter.size <= self._limit:
                pieces.append(own)
            else:
                pieces.clear()
        return False

    async def _piece(self) -> bytes:
        """A line with its end, or the beginning of one that is very long."""
        try:
            return await self._reader.readuntil(b"\r\n")
        except asyncio.LimitOverrunError as error:
            return await self._reader.read(error.consumed)


class Busy(asyncio.Protocol):
    """Who comes when there are too many already."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast("asyncio.WriteTransport", transport).write(f"{FULL}\r\n".encode())
        transport.close()


def _note_end(task: asyncio.Task[None]) -> None:
    """That a sender hung up in the middle of something is no fault of ours, and nobody else waits for the task."""
    if not task.cancelled() and (error := task.exception()) is not None:
        log.info("mail.connection_broke", error=type(error).__name__)

"""Who a mail is for, and taking it: what aiosmtpd asks of whoever is behind it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog
from aiosmtpd.smtp import SMTP, Envelope, Session
from starlette.exceptions import HTTPException

from engine.api.limits import too_large
from engine.api.parts import Parts
from engine.api.problems import code_of, status_of
from engine.api.senders import Sender, Senders
from engine.api.smtp.answers import BROKE, NOBODY, TAKEN, TOO_MANY, of_all, reply_to
from engine.core.errors import TocsinError, Unauthorized
from engine.core.smtp import key_in, without_keys, words_in

log = structlog.get_logger()

SOURCE = "email"
MOST_RECIPIENTS = 100
"""RFC 5321, 4.5.3.1.8, demands as many."""
MESSAGE = {"content-type": "message/rfc822"}


class Letter(Envelope):
    """`mail`: what was sent, nothing where its `size` is beyond the `limit`."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self.limit = limit
        self.size = 0
        self.mail = b""


class Hooks:
    def __init__(self, parts: Parts, senders: Senders) -> None:
        self._parts = parts
        self._senders = senders
        self.under_way: set[asyncio.Task[str]] = set()

    async def handle_EHLO(  # noqa: N802 - as aiosmtpd calls it
        self, server: SMTP, session: Session, envelope: Letter, hostname: str, replies: list[str]
    ) -> list[str]:
        """Nobody logs in here: the address is the secret."""
        del server, envelope
        session.host_name = hostname
        return [reply for reply in replies if not reply.startswith("250-AUTH")]

    async def handle_RCPT(  # noqa: N802 - as above
        self, server: SMTP, session: Session, envelope: Letter, address: str, options: Sequence[str]
    ) -> str:
        """Nothing is relayed: an address without a key of ours is refused before the mail is sent."""
        del server, options
        if len(envelope.rcpt_tos) >= MOST_RECIPIENTS:
            return TOO_MANY
        try:
            await self._senders.find_addressed(SOURCE, key_in(address))
        except TocsinError as error:
            reply = self._refused(session, error)
            return NOBODY if isinstance(error, Unauthorized) else reply
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Letter) -> str:  # noqa: N802 - as above
        """Shielded: a mail whose sender hangs up now is taken and put on record all the same."""
        del server
        task = asyncio.create_task(self._deliver(session, envelope))
        self.under_way.add(task)
        task.add_done_callback(self.under_way.discard)
        return await asyncio.shield(task)

    async def _deliver(self, session: Session, envelope: Letter) -> str:
        keys = dict.fromkeys(key_in(address) for address in envelope.rcpt_tos)
        taken, replies = set[str](), []
        for key in keys:
            try:
                sender = await self._senders.find_addressed(SOURCE, key)
                if sender.actor.id not in taken:  # one and the same, written in two ways
                    await self._take(sender, key, envelope)
                taken.add(sender.actor.id)
                replies.append(TAKEN)
            except (TocsinError, HTTPException) as error:
                replies.append(self._refused(session, error))
            except Exception:  # the edge of the loop: whoever else it is for gets it, and the sender an answer
                log.exception("mail.broke")
                replies.append(BROKE)
        return of_all(replies)

    async def _take(self, sender: Sender, key: str, letter: Letter) -> None:
        """As a webhook is taken: noted down whatever comes of it. Raises as that does."""
        with self._senders.exchange(sender, key, status_of) as exchange:
            exchange.headers = {**MESSAGE, "content-length": str(letter.size)}
            if letter.size > letter.limit:
                raise too_large(letter.limit)
            await self._senders.receive(exchange, await self._hidden(letter))

    async def _hidden(self, letter: Letter) -> bytes:
        """The mail without any key of ours: a copy of it may go to other integrations, whose keys stand in it too."""
        others = await self._parts.keys.among(words_in(letter.mail))
        return without_keys(letter.mail, {*map(key_in, letter.rcpt_tos), *others})

    def _refused(self, session: Session, error: TocsinError | HTTPException) -> str:
        code = code_of(error)
        self._parts.metrics.webhooks_refused.labels(SOURCE, code).inc()
        client = str(session.peer[0]) if session.peer else ""
        log.info("mail.refused", code=code, status=status_of(error), client=client)
        return reply_to(error)

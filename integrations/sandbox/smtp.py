"""A mail server on loopback that keeps what it is given."""

import asyncio
import email
import email.policy
import weakref
from collections.abc import Callable
from types import TracebackType
from typing import Self
from urllib.parse import quote

from aiosmtpd.smtp import SMTP, Envelope

from integrations.sandbox.faults import Switchboard
from integrations.sandbox.mail import Login, Mail, MailFailure, MailFault
from integrations.sandbox.mail_hooks import Hooks, abort
from integrations.sandbox.waiting import Pulse

HOST = "127.0.0.1"
NAME = "mail.sandbox.test"
WAIT_SECONDS = 5.0


class MailSandbox:
    """Listens while it is entered, and keeps its record afterwards.

    `clock` gives the Unix seconds of the receipts. With a `login` the server wants those credentials (AUTH PLAIN or
    LOGIN, without TLS: it is loopback) before it takes a message. Port 0 is any free one.
    """

    def __init__(self, *, clock: Callable[[], float], login: Login | None = None, port: int = 0) -> None:
        self.port = port
        self._clock = clock
        self._login = login
        self._received: list[Mail] = []
        self._changed = Pulse()
        self._faults = Switchboard[MailFault](self._changed)
        self._hooks = Hooks(self._faults, login=login, keep=self._keep)
        self._sessions = weakref.WeakSet[SMTP]()

    async def __aenter__(self) -> Self:
        await self.listen()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.refuse_connections()

    @property
    def url(self) -> str:
        """What the app takes as its SMTP URL, credentials included where they are wanted."""
        login = self._login
        who = "" if login is None else f"{quote(login.user, safe='')}:{quote(login.password, safe='')}@"
        return f"smtp://{who}{HOST}:{self.port}"

    def messages(self, *, to: str | None = None) -> list[Mail]:
        """The accepted messages, oldest first; those `to` one recipient on request."""
        return [mail for mail in self._received if to is None or to in mail.recipients]

    async def wait_for(self, predicate: Callable[[Mail], bool], *, within: float = WAIT_SECONDS) -> Mail:
        """The first message, there already or still to come, that `predicate` accepts.

        Raises TimeoutError after `within` seconds, with what came instead.
        """

        def look() -> Mail | None:
            return next((mail for mail in self._received if predicate(mail)), None)

        return await self._changed.until(look, within=within, record=self._summary)

    async def wait_until(self, condition: Callable[[], bool], *, within: float = WAIT_SECONDS) -> None:
        """Return as soon as `condition`, tried now and after every change, is true; TimeoutError as in `wait_for`."""
        await self._changed.until(lambda: condition() or None, within=within, record=self._summary)

    def fail(self, failure: MailFailure, *, times: int | None = None, recipient: str | None = None) -> None:
        """Let the next `times` recipients or messages fail (None: all until `recover`); or those for `recipient`."""
        self._faults.arm(MailFault(failure=failure, recipient=recipient), times=times)

    def recover(self) -> None:
        """End all failures; messages that hang go on. A closed port stays closed until `listen`."""
        self._faults.clear()

    @property
    def hanging(self) -> int:
        """How many messages hang at this moment; `wait_until` notices when that changes."""
        return self._faults.held

    async def listen(self) -> None:
        """Take connections, on the same port as before."""
        self._server = await asyncio.get_running_loop().create_server(self._session, HOST, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def refuse_connections(self) -> None:
        """Close the port and every connection: what a client finds when the mail server is down."""
        self._server.close()
        for session in list(self._sessions):
            abort(session)
        await self._server.wait_closed()

    def _keep(self, envelope: Envelope) -> None:
        message = email.message_from_bytes(envelope.original_content or b"", policy=email.policy.default)
        mail = Mail(
            sender=envelope.mail_from or "",
            recipients=tuple(str(one) for one in envelope.rcpt_tos),
            message=message,
            received_at=self._clock(),
        )
        self._received.append(mail)
        self._changed.beat()

    def _session(self) -> SMTP:
        session = SMTP(
            self._hooks,
            hostname=NAME,
            ident="sandbox",
            enable_SMTPUTF8=True,
            auth_require_tls=self._login is None,  # AUTH is offered without TLS exactly where it is wanted
            authenticator=self._hooks.authenticate,
            loop=asyncio.get_running_loop(),
        )
        self._sessions.add(session)
        return session

    def _summary(self) -> list[str]:
        return [f"to {', '.join(mail.recipients)}: {mail.subject}" for mail in self._received]

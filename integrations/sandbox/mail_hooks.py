"""How the mail sandbox answers each SMTP command that it has an opinion on."""

import asyncio
from collections.abc import Callable

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from integrations.sandbox.faults import Switchboard
from integrations.sandbox.mail import REFUSALS, Login, MailFailure, MailFault

ACCEPTED = "250 OK"
LOGIN_WANTED = "530 5.7.0 Authentication required"


class Hooks:
    """What aiosmtpd calls; the names of the methods are its own. `keep` is handed every accepted envelope."""

    def __init__(
        self, faults: Switchboard[MailFault], *, login: Login | None, keep: Callable[[Envelope], None]
    ) -> None:
        self._faults = faults
        self._login = login
        self._keep = keep

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, mail_options: list[str]
    ) -> str:
        del server
        # aiosmtpd can demand the login by itself, but not on a connection without TLS without a warning for each one.
        if self._login is not None and not session.authenticated:
            return LOGIN_WANTED
        envelope.mail_from = address
        envelope.mail_options.extend(mail_options)
        return ACCEPTED

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, rcpt_options: list[str]
    ) -> str:
        del session, rcpt_options
        fault = self._faults.take(lambda one: one.failure in REFUSALS and one.applies([address]))
        if fault is None:
            envelope.rcpt_tos.append(address)
            return ACCEPTED
        if fault.failure is MailFailure.CLOSING and server.transport is not None:
            asyncio.get_running_loop().call_soon(server.transport.close)  # once the answer is out
        return REFUSALS[fault.failure]

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        del session
        fault = self._faults.take(lambda one: one.failure not in REFUSALS and one.applies(envelope.rcpt_tos))
        failure = None if fault is None else fault.failure
        if failure is MailFailure.HANGING:
            await self._faults.hold()
        if failure is not MailFailure.DROPPED:
            self._keep(envelope)
        if failure in (MailFailure.DROPPED, MailFailure.ACCEPTED_THEN_DROPPED):
            abort(server)
        return ACCEPTED

    def authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, given: object
    ) -> AuthResult:
        del server, session, envelope, mechanism
        wanted = self._login
        known = wanted is not None and given == LoginPassword(wanted.user.encode(), wanted.password.encode())
        return AuthResult(success=known, handled=False)


def abort(session: SMTP) -> None:
    """Break the connection off, unsent answers and all."""
    if isinstance(session.transport, asyncio.WriteTransport):
        session.transport.abort()

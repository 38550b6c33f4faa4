"""What the mail sandbox keeps and how it can fail."""

from dataclasses import dataclass, field
from email.message import EmailMessage
from enum import Enum, auto


class MailFailure(Enum):
    TEMPORARY = auto()
    """450 to the recipient: try again later."""
    PERMANENT = auto()
    """550 to the recipient: there is no such mailbox."""
    CLOSING = auto()
    """421, and the server closes the connection."""
    DROPPED = auto()
    """The connection breaks when the message was sent; nothing is kept."""
    HANGING = auto()
    """No answer to the message before the failures are cleared; then it is kept, if the client is still there."""
    ACCEPTED_THEN_DROPPED = auto()
    """The message is kept, and the connection breaks without an answer."""


# Met when a recipient is named; the other failures are met when the message is sent.
REFUSALS = {
    MailFailure.TEMPORARY: "450 4.2.1 Mailbox temporarily unavailable",
    MailFailure.PERMANENT: "550 5.1.1 No such mailbox",
    MailFailure.CLOSING: "421 4.3.2 Service not available, closing transmission channel",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class MailFault:
    """One armed failure, for every recipient or for one."""

    failure: MailFailure
    recipient: str | None

    def applies(self, recipients: list[str]) -> bool:
        return self.recipient is None or self.recipient in recipients


@dataclass(frozen=True, kw_only=True, slots=True)
class Login:
    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Mail:
    """One accepted message: its envelope, its content, and the Unix seconds of the sandbox's clock at which it came."""

    sender: str
    recipients: tuple[str, ...]
    message: EmailMessage
    received_at: float

    @property
    def subject(self) -> str:
        return str(self.message["Subject"] or "")

    @property
    def text(self) -> str:
        return self._body("plain")

    @property
    def html(self) -> str:
        return self._body("html")

    def _body(self, kind: str) -> str:
        part = self.message.get_body((kind,))
        return "" if part is None else str(part.get_content())

"""What a sender of mail is told: the SMTP replies to what the webhooks answer with an HTTP status."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from starlette.exceptions import HTTPException

from engine.api.problems import status_of
from engine.core.errors import TocsinError

TAKEN = "250 2.0.0 Taken"
AGAIN = "451 4.3.0 Tocsin can't take it now; send it again"
BROKE = "451 4.3.0 Something broke inside Tocsin; send it again"
NOBODY = "550 5.1.1 No integration takes mail at this address"
TOO_MANY = "452 4.5.3 Too many recipients; send the others another copy"
FULL = "421 4.3.2 Too many connections; come again"
LEAVING = "421 4.3.2 Tocsin is stopping; come again"

REPLIES: Mapping[int, str] = {401: "550 5.7.1", 403: "550 5.7.1", 413: "552 5.3.4"}
UNREADABLE = "554 5.6.0"
SERVERS_FAULT = 500
"""From this HTTP status on the fault is none of the sender's: the mail is to come again."""
LONGEST = 400
"""Characters of a sentence; a reply's line has 512 octets at most (RFC 5321, 4.5.3.1.5)."""


def reply_to(error: TocsinError | HTTPException) -> str:
    """One line of ASCII."""
    status = status_of(error)
    if status >= SERVERS_FAULT:
        return AGAIN
    sentence = str(error.detail) if isinstance(error, HTTPException) else str(error)
    plain = " ".join(sentence.encode("ascii", "replace").decode().split())
    shown = "".join(one if one.isprintable() else "?" for one in plain)[:LONGEST]
    return f"{REPLIES.get(status, UNREADABLE)} {shown}"


def of_all(replies: Iterable[str]) -> str:
    """One reply for all recipients of a mail. As long as one of them may still get it, it is to come again: those who
    have it know a repeat. Else a refusal is told, and it is on record who has it."""
    return min(replies, key=lambda reply: "452".index(reply[0]), default=NOBODY)

"""What a message says that stands for several in a storm: how many they are, and which, the most urgent first."""

from __future__ import annotations

from collections.abc import Iterator

from engine.core.model import MessageKind
from engine.ports import Envelope, Mention
from integrations.channels.foreign import one_line
from integrations.channels.wording import Line, late_by, when

ABOUT = {MessageKind.QUESTION: "still on it?", MessageKind.NOTICE: "for information"}


def bundle_title(envelope: Envelope) -> str:
    """`38 incidents in one message, the most urgent first`."""
    count = len({one.incident.id for one in envelope.bundle})
    noun = "incident" if count == 1 else "incidents"
    return f"{count} {noun} in one message, the most urgent first"


def bundle_lines(envelope: Envelope, *, most: int) -> tuple[Line, ...]:
    """`03:30 P0 Checkout is down (INC-42)`; what does not fit is counted."""
    shown = tuple(_mention(envelope, one) for one in envelope.bundle[:most])
    left = len(envelope.bundle) - len(shown)
    return (*shown, Line(what=f"and {left} more")) if left else shown


def _mention(envelope: Envelope, one: Mention) -> Line:
    incident = one.incident
    return Line(
        when=when(envelope, incident.opened_at),
        what=f"{incident.priority} {one_line(incident.title, 120)}",
        state=incident.ref,
        note=", ".join(about(one)),
    )


def about(one: Mention) -> Iterator[str]:
    """What there is to say of it, beside that it wants an answer."""
    if one.message.kind in ABOUT:
        yield ABOUT[one.message.kind]
    if one.late_by:
        yield late_by(one.late_by)

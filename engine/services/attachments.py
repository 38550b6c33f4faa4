"""The report that goes to the team's channel when the review begins."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from engine.core.model import Incident, MessageKind
from engine.ports import Attachment, Envelope
from engine.report.build import build
from engine.report.facts import Facts
from engine.report.render import Format, file_name, render
from engine.services.context import Context
from engine.services.reports import facts


def with_report(
    connection: Connection, context: Context, envelope: Envelope, incident: Incident, now: datetime
) -> Envelope:
    """The facts are read here, in the transaction; the file is made when it is sent, for that takes a while."""
    if envelope.message.kind is not MessageKind.REPORT:
        return envelope
    known = facts(connection, context, incident, now, envelope.zone)
    return replace(envelope, attachment=lambda: _attachment(known))


def _attachment(known: Facts) -> Attachment:
    """Raises ReportError."""
    report = build(known)
    return Attachment(
        name=file_name(report, Format.PDF), content=render(report, Format.PDF), summary=" ".join(report.summary)
    )

"""What most senders tell of an alert, and how that becomes one of the engine's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from engine.core.classify import read_values
from engine.core.model import Alert, AlertStatus
from integrations.sources.reading import (
    ANNOTATION,
    FINGERPRINT,
    GROUP,
    LABEL,
    SUMMARY,
    TITLE,
    identity,
    line,
    links,
    service_of,
    text,
    texts,
)
from integrations.sources.times import read_time


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """One alert as its sender wrote it: of any type and length, but for the title, which is not empty.

    `at` is when it came to its status, from a sender that says no more: the beginning of a firing one, the end of a
    resolved one.
    """

    fingerprint: str
    status: AlertStatus
    title: str
    labels: Mapping[str, Any]
    summary: object = None
    group: str = ""
    annotations: Mapping[str, Any] = field(default_factory=dict)
    links: Sequence[tuple[str, object]] = ()
    starts_at: object = None
    ends_at: object = None
    at: object = None

    def alert(self) -> Alert:
        """Fit to be stored, compared and shown; what the labels say of the service and of measured values is read."""
        labels, annotations = texts(self.labels, LABEL), texts(self.annotations, ANNOTATION)
        over, at = self.status is AlertStatus.RESOLVED, read_time(self.at)
        return Alert(
            fingerprint=identity(self.fingerprint, FINGERPRINT),
            status=self.status,
            title=line(self.title, TITLE),
            summary=text(self.summary, SUMMARY),
            service=service_of(labels),
            group=identity(self.group, GROUP),
            labels=labels,
            annotations=annotations,
            values=read_values(labels, annotations),
            links=links(self.links),
            starts_at=read_time(self.starts_at) or (None if over else at),
            ends_at=(read_time(self.ends_at) or at) if over else None,
        )

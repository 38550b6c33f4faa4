"""The form on which people report who have no token: its section of `tocsin.yaml`, and how many reports it takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import Field, SecretStr

from engine.core.shape import Model, SecretRef, Title

MINUTE = timedelta(minutes=1)


class ReportPage(Model):
    """A page with a form, for whoever has its address. What is reported there takes the path of an alert."""

    key: SecretStr | SecretRef | None = None
    """The secret part of the address. Without it the engine derives one from the installation's own secret."""
    title: Title = "Report a problem"
    """The heading of the page."""
    note: Annotated[str, Field(max_length=500)] = ""
    """Stands above the form, like whom to call instead."""
    per_minute: Annotated[int, Field(ge=1, le=1000)] = 20
    """So many reports are taken in a minute, by each engine; then the reporter is asked to wait."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Admission:
    """`wait` is None for a report that may come in. `taken`: when those of the last minute came, to be given again."""

    taken: Sequence[datetime]
    wait: timedelta | None = None


def admit(taken: Sequence[datetime], per_minute: int, now: datetime) -> Admission:
    """Whether one more report may come in: fewer than `per_minute` of them are less than a minute old."""
    recent = tuple(at for at in taken if now - MINUTE < at)
    if len(recent) < per_minute:
        return Admission(taken=(*recent, now))
    return Admission(taken=recent, wait=recent[-per_minute] + MINUTE - now)

"""What the REST API and the command line show of silences and maintenance windows."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from engine.api.views import MutedAlertView, View
from engine.core.matchers import Matcher
from engine.core.silences import SilenceState, silence_ref
from engine.core.weekly import Weekly
from engine.services.silences import Ended, Standing, StandingSilence, StandingWindow

Ref = Annotated[
    str,
    BeforeValidator(lambda value: silence_ref(value) if isinstance(value, int) else value),
    Field(pattern=r"^SIL-[1-9][0-9]*$", examples=["SIL-7"]),
]


class StandingView(View):
    """`active`: it mutes. `pending`: not yet, or it is between two of its turns. `expired`: it never does again."""

    state: SilenceState
    until: datetime | None
    """While it mutes: until when, if nobody ends it early."""
    next_at: datetime | None
    """While it is pending: when it mutes next."""
    matchers: tuple[Matcher, ...]
    recurrence: Weekly | None
    reason: str
    muted: int
    """How often an alert was muted by it."""
    last_muted_at: datetime | None


class SilenceView(StandingView):
    """A silence. All times are in UTC, but those of its recurrence, which has a zone of its own."""

    id: Ref
    starts_at: datetime
    ends_at: datetime
    author: str
    created_at: datetime
    expired_at: datetime | None
    """When somebody ended it early."""
    expired_by: str | None


class SilenceDetail(SilenceView):
    alerts: tuple[MutedAlertView, ...]
    """What it has muted, the latest first; the first 500 different ones are kept, all are counted."""


class SilencePage(View):
    items: tuple[SilenceView, ...]
    next: str | None
    """The cursor of the next page; null at the end."""


class SilenceAnswer(View):
    """What came of ending a silence. `changed` is false where it was over already."""

    changed: bool
    code: str
    sentence: str
    silence: SilenceView


class WindowView(StandingView):
    """A maintenance window of the configuration in force."""

    name: str
    starts_at: datetime | None
    ends_at: datetime | None


class WindowDetail(WindowView):
    alerts: tuple[MutedAlertView, ...]
    """As of a silence."""


class WindowList(View):
    items: tuple[WindowView, ...]


def silence_view(shown: StandingSilence) -> SilenceView:
    return SilenceView(**_of_silence(shown))


def silence_detail(shown: StandingSilence) -> SilenceDetail:
    return SilenceDetail(**_of_silence(shown), alerts=_alerts(shown.standing))


def window_view(shown: StandingWindow) -> WindowView:
    return WindowView(**_of_window(shown))


def window_detail(shown: StandingWindow) -> WindowDetail:
    return WindowDetail(**_of_window(shown), alerts=_alerts(shown.standing))


def silence_answer(ended: Ended) -> SilenceAnswer:
    return SilenceAnswer(
        changed=ended.changed,
        code="done" if ended.changed else "already_over",
        sentence=ended.sentence,
        silence=silence_view(ended.shown),
    )


def _of_silence(shown: StandingSilence) -> dict[str, Any]:
    one = shown.silence
    return {
        **_of_standing(shown.standing),
        "id": one.id,
        "matchers": one.matchers,
        "starts_at": one.starts_at,
        "ends_at": one.ends_at,
        "recurrence": one.recurrence,
        "reason": one.reason,
        "author": one.author,
        "created_at": one.created_at,
        "expired_at": one.expired_at,
        "expired_by": one.expired_by,
    }


def _of_window(shown: StandingWindow) -> dict[str, Any]:
    one = shown.window
    return {
        **_of_standing(shown.standing),
        "name": one.name,
        "matchers": one.match,
        "starts_at": one.starts_at,
        "ends_at": one.ends_at,
        "recurrence": one.recurrence,
        "reason": one.reason,
    }


def _of_standing(standing: Standing) -> dict[str, Any]:
    return {
        "state": standing.state,
        "until": standing.until,
        "next_at": standing.next_at,
        "muted": standing.muted,
        "last_muted_at": standing.last_muted_at,
    }


def _alerts(standing: Standing) -> tuple[MutedAlertView, ...]:
    return tuple(map(MutedAlertView.model_validate, standing.alerts))

"""What the REST API and the command line show of the raw requests that are kept."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from engine.api.views import View
from engine.core.intake import AlertAction
from engine.core.model import AlertStatus, Priority
from engine.core.requests import RawRequest
from engine.services.replaying import Into, Replayed, TriedAlert
from engine.services.wayfinding import Way


class RequestView(View):
    """A request of a sender with a valid key, and what it was answered."""

    number: int
    integration: str
    source: str
    """The kind of sender."""
    received_at: datetime
    status: int
    """The HTTP status of the answer."""
    problem: str | None
    """What could not be read or taken."""
    alerts: int
    """How many alerts something became of; the first 100 are on record."""
    size: int
    """Bytes of the body as it came."""
    cut: bool
    """Not all of the body is kept, so it can't be replayed."""


class RequestOutcome(View):
    """What became of one alert."""

    fingerprint: str | None
    action: str | None
    incident: str | None


class RequestDetail(RequestView):
    """The request itself, without what looks like a secret."""

    outcomes: tuple[RequestOutcome, ...]
    headers: Mapping[str, str]
    body: str
    """As text; what of it is not UTF-8 is replaced by U+FFFD."""


class RequestPage(View):
    items: tuple[RequestView, ...]
    next: str | None
    """The cursor of the next page; null at the end."""


class WayPage(View):
    """Somebody who would be paged first. `contact` is null for an address that belongs to nobody in particular."""

    contact: str | None
    address: str
    channel: str
    level: int


class WayView(View):
    """Where an alert would go if it were the first of its incident, with every channel able to send and nothing that
    mutes it."""

    routes: tuple[str, ...]
    service: str
    priority: Priority
    rule: str
    reason: str
    policy: str
    pages: tuple[WayPage, ...]
    otherwise: str | None
    """What comes first where nobody is paged at once."""


class MutedView(View):
    """What would keep an alert from people now: a silence, a maintenance window, an inhibition or a route's delay."""

    action: AlertAction
    rule: str
    reason: str
    until: datetime | None


class TriedView(View):
    title: str
    status: AlertStatus
    way: WayView | None
    said: str
    """Why there is no way for it."""
    muted: MutedView | None
    """With it nobody is paged as `way` says, unless the alert fires still when that is over."""


class TakenView(View):
    """What became of one alert in the engine."""

    fingerprint: str
    action: AlertAction
    incident: str | None
    rule: str
    reason: str


class FaultView(View):
    """An alert that could not be read; the others were."""

    path: str
    reason: str


class ReplayAnswer(View):
    """What came of reading a request anew: `tried` on trial, `taken` in the engine."""

    number: int
    integration: str
    into: Into
    sentence: str
    tried: tuple[TriedView, ...]
    taken: tuple[TakenView, ...]
    faults: tuple[FaultView, ...]
    note: str
    """Why a body that is in order holds no alert."""


def request_view(request: RawRequest) -> RequestView:
    return RequestView(**_of(request))


def request_detail(request: RawRequest) -> RequestDetail:
    outcomes = tuple(RequestOutcome.model_validate(dict(one)) for one in request.outcomes)
    body = request.body.decode("utf-8", "replace")
    return RequestDetail(**_of(request), outcomes=outcomes, headers=request.headers, body=body)


def _of(request: RawRequest) -> dict[str, Any]:
    return {
        "number": request.id,
        "integration": request.integration,
        "source": request.source,
        "received_at": request.received_at,
        "status": request.status,
        "problem": request.problem,
        "alerts": len(request.outcomes),
        "size": request.size,
        "cut": request.cut,
    }


def replay_answer(replayed: Replayed) -> ReplayAnswer:
    return ReplayAnswer(
        number=replayed.request.id,
        integration=replayed.request.integration,
        into=replayed.into,
        sentence=replayed.sentence,
        tried=tuple(map(_tried, replayed.tried)),
        taken=tuple(map(TakenView.model_validate, replayed.outcomes)),
        faults=tuple(map(FaultView.model_validate, replayed.parsed.faults)),
        note=replayed.parsed.note,
    )


def _tried(one: TriedAlert) -> TriedView:
    way = _way(one.way) if one.way else None
    muted = MutedView.model_validate(one.muted) if one.muted else None
    return TriedView(title=one.alert.title, status=one.alert.status, way=way, said=one.said, muted=muted)


def _way(way: Way) -> WayView:
    placed = way.placed
    return WayView(
        routes=tuple(trial.route.name for trial in way.trials if trial.taken),
        service=placed.service,
        priority=placed.found.priority,
        rule=placed.found.rule,
        reason=placed.found.reason,
        policy=way.policy,
        pages=tuple(
            WayPage(contact=page.contact, address=page.address, channel=page.channel, level=page.level)
            for page in way.pages
        ),
        otherwise=None if way.pages else way.otherwise,
    )

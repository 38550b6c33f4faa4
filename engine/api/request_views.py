"""What the REST API and the command line show of the raw requests that are kept."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from engine.api.views import View
from engine.core.requests import RawRequest


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

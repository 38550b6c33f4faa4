"""Opsgenie's alert API: create, close, acknowledge and annotate alerts; what became of a request; one alert.

Where the engine can't take a request now it answers 429, after which Opsgenie's clients, and whatever follows its
documentation, come again.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from engine.api.dropin.edge import answered, come_again_after, read_object, say
from engine.api.dropin.opsgenie_views import (
    NO_ALERT,
    Accepted,
    AlertAnswer,
    IntegrationView,
    Meta,
    Refused,
    RequestStatusAnswer,
    alert_view,
    request_status,
)
from engine.api.dropin.requests import Answered, Asked, mark_of, read_id
from engine.api.limits import read_plain
from engine.api.parts import Parts
from engine.api.senders import Sender, Senders
from engine.core.errors import Forbidden, NotFound, TocsinError, Unauthorized, Unreadable
from engine.core.model import incident_id
from engine.core.texts import clean
from engine.ports import Request as Sent
from engine.services import sent
from engine.services.sent import SentAlert

SOURCE = "opsgenie"
SCHEME = "geniekey"
INVALID = "Request body is not processable. Please check the errors."
THROTTLED = "You are making too many requests!"
TOO_MANY, UNPROCESSABLE = 429, 422
NO_PERMISSION = 40301
"""Opsgenie's own code beside a 403."""
ACTIONS = {Asked.CLOSE: "Close", Asked.ACKNOWLEDGE: "Acknowledge", Asked.ADD_NOTE: "AddNote"}
"""As the source calls them."""
NUMBER_DIGITS = 18


class AlertApi:
    def __init__(self, parts: Parts, senders: Senders) -> None:
        self._parts = parts
        self._senders = senders

    async def create_alert(self, request: Request) -> Response:
        """Opsgenie's Create Alert. While an alert of this alias fires, it is a repeat. 202 once it is durable."""
        return await self._answered(request, self._create)

    async def close_alert(self, request: Request) -> Response:
        """Opsgenie's Close Alert: the problem is over. What that means for its incident is its policy's to say."""
        return await self._answered(request, partial(self._act, asked=Asked.CLOSE))

    async def acknowledge_alert(self, request: Request) -> Response:
        """Opsgenie's Acknowledge Alert: the incident that the alert fires in counts as acknowledged."""
        return await self._answered(request, partial(self._act, asked=Asked.ACKNOWLEDGE))

    async def add_note_to_alert(self, request: Request) -> Response:
        """Opsgenie's Add Note: a line for the record of the incident that the alert fires in."""
        return await self._answered(request, partial(self._act, asked=Asked.ADD_NOTE))

    async def get_request_status(self, request: Request) -> Response:
        """Opsgenie's Get Request Status: what became of a request."""
        return await self._answered(request, self._request_status)

    async def show_alert(self, request: Request) -> Response:
        """Opsgenie's Get Alert."""
        return await self._answered(request, self._show)

    async def _answered(self, request: Request, work: Callable[[Exchange], Awaitable[Response]]) -> Response:
        exchange = Exchange(request, self._parts)
        return await answered(self._parts, SOURCE, request, partial(work, exchange), exchange.refuse)

    async def _create(self, exchange: Exchange) -> Response:
        sender = await self._sender(exchange.request)
        with self._senders.exchange(sender, _key(exchange.request), _status_of) as kept:
            kept.headers, kept.body = await read_plain(exchange.request, self._parts.body_limit)
            said = await read_object(kept.body)
            fields = {name: value for name, value in said.items() if name not in ("action", "alert")}
            if fields.get("alias") in (None, ""):
                fields["alias"] = str(uuid.uuid4())
            _, taken = await self._senders.receive(kept, json.dumps(fields).encode())
        return exchange.accept(Asked.CREATE, taken.outcomes[0].incident, taken.outcomes[0].fingerprint)

    async def _act(self, exchange: Exchange, asked: Asked) -> Response:
        sender = await self._sender(exchange.request)
        with self._senders.exchange(sender, _key(exchange.request), _status_of) as kept:
            kept.headers, kept.body = await read_plain(exchange.request, self._parts.body_limit)
            said = await read_object(kept.body or b"{}")
            alias = await self._alias(sender, exchange.request)
            if alias is None:
                return exchange.accept(asked, None, "")
            action = {
                "action": ACTIONS[asked],
                "alert": {"alias": alias},
                "user": said.get("user"),
                "note": said.get("note"),
            }
            _, taken = await self._senders.receive(kept, json.dumps(action).encode())
        done = taken.outcomes[0].incident if taken.outcomes else taken.granted[0]
        return exchange.accept(asked, done, alias)

    async def _request_status(self, exchange: Exchange) -> Response:
        sender = await self._sender(exchange.request)
        found = read_id(exchange.request.path_params["requestId"])
        if found is None:
            raise NotFound("request_unknown", "Request not found. It might not be processed, yet.")
        names = await sent.names(self._parts.context, sender.actor.id, found.incident) if found.incident else {}
        status = request_status(found, sender.actor.id, names)
        return exchange.say(RequestStatusAnswer(**exchange.meta(), data=status))

    async def _show(self, exchange: Exchange) -> Response:
        sender = await self._sender(exchange.request)
        found = await self._find(sender, exchange.request)
        if found is None:
            raise NotFound("alert_unknown", NO_ALERT)
        integration = IntegrationView(id=sender.actor.id, name=sender.actor.id, type="API")
        return exchange.say(AlertAnswer(**exchange.meta(), data=alert_view(found, integration)))

    async def _sender(self, request: Request) -> Sender:
        """Raises Unauthorized, also where the integration wants a proof that no caller of this API can give, and
        Forbidden for the key of an integration of another kind."""
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != SCHEME or not key.strip():
            raise Unauthorized("this needs the header Authorization: GenieKey <key>")
        try:
            sender = await self._senders.find(SOURCE, key.strip())
        except Unauthorized:
            if await self._parts.keys.known(key.strip()):
                raise Forbidden(
                    "wrong_source", "To perform this action, use an API key from an API integration."
                ) from None
            raise
        headers = {name.lower(): value for name, value in request.headers.items()}
        sender.source.verify(sender.settings, Sent(headers=headers, body=b""), self._parts.context.clock.now())
        return sender

    async def _alias(self, sender: Sender, request: Request) -> str | None:
        """The alias of the alert that the address names. None where a number names none; whether an alias names one is
        found out when something is done about it."""
        if _identifier_type(request) == "alias":
            return clean(request.path_params["identifier"])
        found = await self._find(sender, request)
        return found.recorded.alert.fingerprint if found else None

    async def _find(self, sender: Sender, request: Request) -> SentAlert | None:
        identifier, context = request.path_params["identifier"], self._parts.context
        if _identifier_type(request) == "alias":
            return await sent.by_fingerprint(context, sender.actor.id, clean(identifier))
        if not identifier.isascii() or not identifier.isdigit() or len(identifier) > NUMBER_DIGITS:
            return None
        return await sent.by_number(context, sender.actor.id, int(identifier))


def _identifier_type(request: Request) -> str:
    kind = request.query_params.get("identifierType", "id")
    if kind not in ("id", "tiny", "alias"):
        raise Unreadable("$.identifierType", "must be one of id, tiny, alias")
    return kind


def _key(request: Request) -> str:
    """What stands behind the scheme."""
    return request.headers.get("authorization", "").partition(" ")[2].strip()


def _status_of(error: TocsinError | HTTPException) -> int:
    return _refusal(error)[0]


class Exchange:
    """One request and its answer: how long it took, and under which id it is known."""

    def __init__(self, request: Request, parts: Parts) -> None:
        self.request = request
        self._clock = parts.context.clock
        self._began = self._clock.now()

    def meta(self, request_id: str = "") -> dict[str, Any]:
        # Never 0: Opsgenie's Go client takes that for an answer without it.
        took = max(0.001, round((self._clock.now() - self._began).total_seconds(), 3))
        return {"took": took, "request_id": request_id or str(uuid.uuid4())}

    def accept(self, asked: Asked, incident: str | None, fingerprint: str) -> Response:
        number = incident_id(incident) if incident else None
        found = Answered(asked=asked, at=self._began, incident=number, mark=mark_of(fingerprint))
        return self.say(Accepted(**self.meta(found.to_id())), 202)

    def say(self, answer: Meta, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
        own = {
            "X-Request-Id": answer.request_id,
            "X-Response-Time": f"{answer.took:.3f}",
            "X-RateLimit-State": "THROTTLED" if status == TOO_MANY else "OK",
        }
        return say(answer, status, {**own, **(headers or {})})

    def refuse(self, error: TocsinError | HTTPException) -> Response:
        """In Opsgenie's words."""
        status, told = _refusal(error)
        headers: Mapping[str, str] | None = error.headers if isinstance(error, HTTPException) else None
        after = come_again_after(error)
        if after is not None:
            headers = {"Retry-After": str(after)}
        return self.say(Refused(**self.meta(), **told), status, headers)


def _refusal(error: TocsinError | HTTPException) -> tuple[int, dict[str, Any]]:
    if come_again_after(error) is not None:
        return TOO_MANY, {"message": THROTTLED}
    status: int = UNPROCESSABLE
    told: dict[str, Any] = {"message": str(error)}
    match error:
        case HTTPException():
            status, told = error.status_code, {"message": str(error.detail)}
        case Unreadable(path="$"):
            status, told = 400, {"message": f"The request body is {error.reason}."}
        case Unreadable():
            told = {"message": INVALID, "errors": _field_error(error)}
        case Unauthorized():
            status, told = 401, {"message": "Could not authenticate"}
        case Forbidden():
            status, told = 403, {"message": error.sentence, "code": NO_PERMISSION}
        case NotFound():
            status, told = 404, {"message": error.sentence}
    return status, told


def _field_error(error: Unreadable) -> dict[str, str]:
    name = error.path.removeprefix("$.").removeprefix("alert.")
    return {name: f"{name[:1].upper()}{name[1:]} {error.reason}."}

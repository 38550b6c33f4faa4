"""`POST /v2/enqueue` and `POST /v2/change/enqueue`: PagerDuty's Events API v2.

Where the engine can't take an event now it answers 429, not 503: the official client repeats after a 429 for as long as
it takes, and gives up on a 503 after 3 minutes; PagerDuty asks every sender to repeat after both.
"""

from __future__ import annotations

import json
import uuid
from functools import partial
from typing import Any

from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from engine.api.dropin.edge import answered, come_again_after, read_object, say
from engine.api.limits import read_plain
from engine.api.parts import Parts
from engine.api.senders import Exchange, Senders
from engine.core.errors import TocsinError, Unauthorized, Unreadable

SOURCE = "pagerduty"
THROTTLED = "Requests for this service are arriving too quickly.  Please retry later."


class Processed(BaseModel):
    """The event is durable. `dedup_key` is the one that was sent, or was made for a trigger without one."""

    status: str = "success"
    message: str = "Event processed"
    dedup_key: str


class ChangeProcessed(BaseModel):
    """The change is on the timelines of its service's active incidents; without any it is in the log."""

    status: str = "success"
    message: str = "Change event processed"


class Rejected(BaseModel):
    """The event was not taken."""

    status: str = "invalid event"
    message: str = "Event object is invalid"
    errors: list[str]


class Events:
    def __init__(self, parts: Parts, senders: Senders) -> None:
        self._parts = parts
        self._senders = senders

    async def enqueue_event(self, request: Request) -> Response:
        """PagerDuty's Send an Alert Event: a trigger, an acknowledgement, or a resolution. 202 once it is durable."""
        return await answered(self._parts, SOURCE, request, partial(self._enqueue, request), refuse)

    async def enqueue_change(self, request: Request) -> Response:
        """PagerDuty's Send a Change Event: a line for the record of what is going on in its service."""
        return await answered(self._parts, SOURCE, request, partial(self._change, request), refuse)

    async def _enqueue(self, request: Request) -> Response:
        exchange, event = await self._open(request)
        with exchange:
            if not event.get("event_action"):
                raise Unreadable("$.event_action", "missing or blank")
            if event["event_action"] == "trigger" and _is_blank(event.get("dedup_key")):
                event["dedup_key"] = uuid.uuid4().hex
            await self._senders.receive(exchange, json.dumps(event).encode())
        return say(Processed(dedup_key=event["dedup_key"]), 202)

    async def _change(self, request: Request) -> Response:
        exchange, event = await self._open(request)
        with exchange:
            if not isinstance(event.get("payload"), dict):
                raise Unreadable("$.payload", "missing or blank")
            # Whatever makes an alert of it is no part of a change, and means nothing here.
            payload = {name: value for name, value in event["payload"].items() if name != "severity"}
            change = {"payload": payload, "links": event.get("links")}
            await self._senders.receive(exchange, json.dumps(change).encode())
        return say(ChangeProcessed(), 202)

    async def _open(self, request: Request) -> tuple[Exchange, dict[str, Any]]:
        """The key is in the body, so this is read before anybody is known; its size is bounded."""
        headers, body = await read_plain(request, self._parts.body_limit)
        event = await read_object(body)
        key = event.pop("routing_key", None)
        if _is_blank(key):
            raise Unreadable("$.routing_key", "missing or blank")
        sender = await self._senders.find(SOURCE, str(key))
        exchange = self._senders.exchange(sender, str(key), lambda error: refuse(error).status_code)
        exchange.headers, exchange.body = headers, body
        return exchange, event


def _is_blank(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def refuse(error: TocsinError | HTTPException) -> Response:
    """PagerDuty's words for it. An event that is refused for now may be sent again; any other never will be taken."""
    after = come_again_after(error)
    if after is not None:
        said = Rejected(status="throttle exceeded", message=THROTTLED, errors=[str(error)])
        return say(said, 429, {"Retry-After": str(after)})
    if isinstance(error, HTTPException):
        return say(Rejected(errors=[str(error.detail)]), error.status_code, error.headers)
    return say(_rejected(error), 400)


def _rejected(error: TocsinError) -> Rejected:
    if isinstance(error, Unauthorized):
        return Rejected(errors=["Invalid routing key", str(error)])
    if not isinstance(error, Unreadable):
        return Rejected(errors=[str(error)])
    if error.path == "$":
        return Rejected(
            status="Unrecognized object", message="Event object format is unrecognized", errors=["JSON parse error"]
        )
    return Rejected(errors=[f"'{error.path.removeprefix('$.')}' is {error.reason}"])

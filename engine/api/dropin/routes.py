"""At which address what is, as /openapi.json says it: with every answer, in the vendor's form."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cache
from typing import Any, TypeVar

from fastapi import APIRouter, FastAPI
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from engine.api.dropin import opsgenie_views as views
from engine.api.dropin.opsgenie import AlertApi
from engine.api.dropin.pagerduty import ChangeProcessed, Events, Processed, Rejected
from engine.api.parts import Parts
from engine.api.senders import Senders
from engine.api.webhooks import DirectRoute

TAG = "drop-in"
Desk = TypeVar("Desk", Events, AlertApi)
Method = Callable[[Desk, Request], Awaitable[Response]]
Json = Mapping[str, Any]
Responses = dict[int | str, dict[str, Any]]

TEXT: Json = {"type": "string"}
TEXTS: Json = {"type": "array", "items": TEXT}
OBJECT: Json = {"type": "object"}
OBJECTS: Json = {"type": "array", "items": OBJECT}


def add_dropins(api: FastAPI, parts: Parts, senders: Senders) -> None:
    api.state.dropins = {Events: Events(parts, senders), AlertApi: AlertApi(parts, senders)}
    api.router.routes.extend(_routes())


@cache
def _routes() -> Sequence[BaseRoute]:
    """The same for every application: an endpoint finds the desk that it is of by the request."""
    router = APIRouter()
    _add_pagerduty(router)
    _add_opsgenie(router)
    return router.routes


def _object(required: tuple[str, ...] = (), **properties: Json) -> dict[str, Any]:
    return {"type": "object", "required": list(required), "properties": properties}


def _body(schema: Json, *, required: bool = True) -> dict[str, Any]:
    return {"requestBody": {"required": required, "content": {"application/json": {"schema": schema}}}}


SUMMARY = {**TEXT, "minLength": 1}
LINKS = {"type": "array", "items": _object(("href",), href=TEXT, text=TEXT)}
KEY = {**TEXT, "description": "The key of an integration whose source is `pagerduty`."}
EVENT = _object(
    ("routing_key", "event_action"),
    routing_key=KEY,
    event_action={**TEXT, "enum": ["trigger", "acknowledge", "resolve"]},
    dedup_key={**TEXT, "maxLength": 255, "description": "Which alert; made and returned for a trigger without one."},
    payload={
        **_object(
            ("summary", "source", "severity"),
            summary=SUMMARY,
            source=SUMMARY,
            severity={**TEXT, "enum": ["critical", "error", "warning", "info"]},
            timestamp=TEXT,
            component=TEXT,
            group=TEXT,
            custom_details=OBJECT,
            **{"class": TEXT},
        ),
        "description": "Needed for a trigger.",
    },
    links=LINKS,
    images={"type": "array", "items": _object(("src",), src=TEXT, href=TEXT, alt=TEXT)},
    client=TEXT,
    client_url=TEXT,
)
CHANGE = _object(
    ("routing_key", "payload"),
    routing_key=KEY,
    payload=_object(("summary",), summary=SUMMARY, source=TEXT, timestamp=TEXT, custom_details=OBJECT),
    links=LINKS,
)
REJECTED = {
    400: "Not an event, or one that will never be taken; `errors` say why. Also for a key that nobody has",
    413: "The body is too large",
    415: "The body is compressed",
    429: "It can't be taken now; send it again after Retry-After seconds",
}


def _add_pagerduty(router: APIRouter) -> None:
    """PagerDuty's Events API v2."""
    refusals = _refusals(Rejected, REJECTED)
    _add(router, "/v2/enqueue", Events, Events.enqueue_event, Processed, refusals, _body(EVENT))
    _add(router, "/v2/change/enqueue", Events, Events.enqueue_change, ChangeProcessed, refusals, _body(CHANGE))


ALERT = _object(
    ("message",),
    message=SUMMARY,
    alias={**TEXT, "maxLength": 512, "description": "Which alert; made where it is missing."},
    description=TEXT,
    responders=OBJECTS,
    visibleTo=OBJECTS,
    actions=TEXTS,
    tags=TEXTS,
    details=OBJECT,
    entity=TEXT,
    source=TEXT,
    priority={**TEXT, "enum": ["P1", "P2", "P3", "P4", "P5"]},
    user=TEXT,
    note=TEXT,
)
ACTION = _object(user=TEXT, note=TEXT, source=TEXT)
NOTE = _object(("note",), user=TEXT, note=SUMMARY, source=TEXT)
REFUSED = {
    400: "The body is no JSON object",
    401: "No integration has this key",
    403: "The key is of an integration of another source",
    404: "There is no such alert, or request",
    413: "The body is too large",
    415: "The body is compressed",
    422: "What was sent is not what is needed; `errors` say by field why",
    429: "It can't be taken now; send it again after Retry-After seconds",
}
NOT_FOUND, OF_BODIES = 404, (400, 413, 415)
GENIE: dict[str, Any] = {"security": [{"GenieKey": []}]}
IDENTIFIER = {
    "name": "identifier",
    "in": "path",
    "required": True,
    "schema": TEXT,
    "description": "What names the alert, in the way that `identifierType` says.",
}
IDENTIFIER_TYPE = {
    "name": "identifierType",
    "in": "query",
    "required": False,
    "schema": {**TEXT, "enum": ["id", "tiny", "alias"], "default": "id"},
    "description": "By alias an alert is found as long as it fires.",
}
REQUEST_ID = {"name": "requestId", "in": "path", "required": True, "schema": TEXT}


def _add_opsgenie(router: APIRouter) -> None:
    """Opsgenie's alert API. The addresses of actions come before that of the alert, which takes whatever is left: an
    alias may hold a slash."""
    refusals = _refusals(views.Refused, {status: why for status, why in REFUSED.items() if status != NOT_FOUND})
    _add(router, "/v2/alerts", AlertApi, AlertApi.create_alert, views.Accepted, refusals, {**_body(ALERT), **GENIE})
    for action, endpoint, body in (
        ("close", AlertApi.close_alert, _body(ACTION, required=False)),
        ("acknowledge", AlertApi.acknowledge_alert, _body(ACTION, required=False)),
        ("notes", AlertApi.add_note_to_alert, _body(NOTE)),
    ):
        extra = {**body, **GENIE, "parameters": [IDENTIFIER, IDENTIFIER_TYPE]}
        path = f"/v2/alerts/{{identifier:path}}/{action}"
        _add(router, path, AlertApi, endpoint, views.Accepted, refusals, extra)
    refusals = _refusals(views.Refused, {status: why for status, why in REFUSED.items() if status not in OF_BODIES})
    for path, endpoint, answer, parameters in (
        ("/v2/alerts/requests/{requestId}", AlertApi.get_request_status, views.RequestStatusAnswer, [REQUEST_ID]),
        ("/v2/alerts/{identifier:path}", AlertApi.show_alert, views.AlertAnswer, [IDENTIFIER, IDENTIFIER_TYPE]),
    ):
        extra = {**GENIE, "parameters": parameters}
        _add(router, path, AlertApi, endpoint, answer, refusals, extra, http="GET")


def _refusals(model: type[BaseModel], described: Mapping[int, str]) -> Responses:
    return {status: {"model": model, "description": why} for status, why in described.items()}


def _add(
    router: APIRouter,
    path: str,
    desk: type[Desk],
    method: Method[Desk],
    answer: type[BaseModel],
    refusals: Responses,
    extra: dict[str, Any],
    *,
    http: str = "POST",
) -> None:
    async def endpoint(request: Request) -> Response:
        return await method(request.app.state.dropins[desk], request)

    router.add_api_route(
        path,
        endpoint,
        methods=[http],
        name=method.__name__,
        description=method.__doc__,
        status_code=202 if http == "POST" else 200,
        response_model=answer,
        route_class_override=DirectRoute,
        tags=[TAG],
        responses=refusals,
        openapi_extra=extra,
    )

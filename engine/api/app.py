"""The application: what is at which address."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from pydantic import BaseModel
from starlette.middleware import Middleware
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute
from starlette.types import Receive, Scope, Send

from engine.api import commands, health, heartbeats, incidents, probes, requests, silences
from engine.api.auth import Gate
from engine.api.docs import POLICY, render_docs
from engine.api.documents import complete, refusals
from engine.api.dropin.routes import add_dropins
from engine.api.parts import Parts, TheParts
from engine.api.problems import HANDLERS, LastResort
from engine.api.reportpage import add_report_page
from engine.api.senders import Senders
from engine.api.shortcut import Shortcut
from engine.api.webhooks import DirectRoute, Webhooks
from engine.core.errors import NotFound
from engine.core.intake import AlertAction

DESCRIPTION = """Alerts come in, become incidents and page people until someone answers.

Every error is a problem document (RFC 9457) with a `code` for programs and a sentence for people. Times are RFC 3339
in UTC. An incident is named like `INC-42`."""

TAGS = [
    {"name": "alerts", "description": "Monitoring sends alerts to the address of an integration."},
    {"name": "heartbeats", "description": "Jobs report to the address of a heartbeat; their silence is the fault."},
    {"name": "probes", "description": "What the engine looks at itself."},
    {"name": "incidents", "description": "What is going on, and the record of it."},
    {"name": "commands", "description": "What may be asked of an incident. A refusal changes nothing and says why."},
    {
        "name": "drop-in",
        "description": "Other products' addresses: what sends to them sends here once host and key are changed. "
        "Answers and refusals are in the words of that product.",
    },
    {
        "name": "silences",
        "description": "What is kept from paging for a time, by whom and why; and what that has muted.",
    },
    {"name": "requests", "description": "What senders have sent, kept for a while without secrets."},
    {"name": "chat", "description": "What Slack sends."},
    {"name": "operations", "description": "Probes and metrics."},
]


STRICT = False
"""A body is read as JSON whatever its sender calls it."""


class Taken(BaseModel):
    """What became of one alert. `incident` is null where there is no incident for it. `rule` names what decided it, as
    `silence/SIL-7` or `classification/critical`, and `reason` says why in words."""

    fingerprint: str
    action: AlertAction
    incident: str | None
    rule: str
    reason: str


class Unread(BaseModel):
    """An alert of the body that could not be read; the others are taken all the same."""

    path: str
    reason: str


class Received(BaseModel):
    """`note`: why a body that is in order holds no alert."""

    alerts: list[Taken]
    faults: list[Unread] | None = None
    note: str | None = None


class Api(FastAPI):
    """FastAPI, with a shortcut for what has to be answered fastest."""

    shortcut: Shortcut | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.shortcut is not None and self.shortcut.takes(scope):
            await self.shortcut(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)

    def openapi(self) -> dict[str, Any]:
        return complete(super().openapi())


def create_api(parts: Parts) -> FastAPI:
    api = Api(
        title="Tocsin",
        version=parts.context.version or "0",
        description=DESCRIPTION,
        openapi_tags=TAGS,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        strict_content_type=STRICT,
        exception_handlers=HANDLERS,
        middleware=[
            Middleware(LastResort),
            Middleware(Gate, context=parts.context, limit=parts.body_limit),
        ],
        # A span would carry the address, and that of a webhook holds its key. What there is to count is at /metrics.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    api.state.parts = parts
    senders = Senders(parts)
    _add_webhooks(api, Webhooks(parts, senders))
    add_dropins(api, parts, senders)
    add_report_page(api, parts)
    api.router.routes.extend(_shared())
    return api


@cache
def _shared() -> Sequence[BaseRoute]:
    """What holds nothing of one application, and finds its parts by the request. FastAPI takes most of the time that an
    application is made in to work out what these take and answer."""
    router = APIRouter(strict_content_type=STRICT)
    router.add_api_route("/slack/events", slack, methods=["POST"], **SLACK)
    router.add_api_route("/", root, methods=["GET"], include_in_schema=False)
    router.add_api_route("/docs", docs, methods=["GET"], include_in_schema=False)
    for each in (commands, incidents, silences, requests, heartbeats, probes, health):
        router.include_router(each.router)
    return router.routes


def _add_webhooks(api: Api, webhooks: Webhooks) -> None:
    """As a route, which documents it, and by the shortcut, which is the way of nearly all."""
    api.state.webhooks = webhooks
    route = _webhook_route()
    api.router.routes.append(route)
    api.shortcut = Shortcut(route, webhooks.receive)


@cache
def _webhook_route() -> BaseRoute:
    router = APIRouter()
    router.add_api_route(
        "/webhooks/{source}/{key}",
        receive,
        methods=["POST"],
        name="receive_alerts",
        description="202 once the alerts, their incidents and their pages are durable; never a 2xx before.",
        status_code=202,
        response_model=Received,
        response_model_exclude_none=True,
        route_class_override=DirectRoute,
        tags=["alerts"],
        responses=refusals(
            *(401, 404, 413, 415, 422, 503),
            s401="No integration of this source has this key, or the sender's own signature or token is wrong",
            s404="There is no such source",
            s415="The body is compressed",
            s422="Not what this source sends; `path` and `reason` say where and why",
        ),
        openapi_extra={"parameters": WEBHOOK_PARAMETERS, "requestBody": WEBHOOK_BODY},
    )
    return router.routes[-1]


WEBHOOK_PARAMETERS = [
    {
        "name": "source",
        "in": "path",
        "required": True,
        "schema": {"type": "string", "examples": ["alertmanager"]},
        "description": "The kind of sender.",
    },
    {
        "name": "key",
        "in": "path",
        "required": True,
        "schema": {"type": "string"},
        "description": "The secret part of the integration's address.",
    },
]
WEBHOOK_BODY = {
    "required": True,
    "description": "What the source sends, as it sends it.",
    "content": {"application/json": {"schema": {}}},
}

SLACK: dict[str, Any] = {
    "name": "receive_from_slack",
    "tags": ["chat"],
    "response_class": Response,
    "responses": {200: {"description": "Understood", "content": {"application/json": {}}}}
    | refusals(
        *(400, 401, 404, 413),
        s401="Not signed by Slack within the last 5 minutes",
        s404="Slack is not set up here",
    ),
    "openapi_extra": {
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {}}, "application/x-www-form-urlencoded": {"schema": {}}},
        }
    },
}


async def receive(request: Request) -> Response:
    """What is not sent to quite this address, and so went past the shortcut."""
    webhooks: Webhooks = request.app.state.webhooks
    return await webhooks.receive(request)


async def slack(request: Request, parts: TheParts) -> Response:
    """Events, clicks and commands, signed by Slack. Not used in Socket Mode."""
    if parts.slack is None:
        raise NotFound(
            "slack_not_configured",
            "Slack is not set up here; set SLACK_SIGNING_SECRET and SLACK_BOT_TOKEN, and restart.",
        )
    return await parts.slack(request)


async def root(parts: TheParts) -> Response:
    """What this is."""
    return JSONResponse(
        {
            "name": "Tocsin",
            "version": parts.context.version,
            "documentation": "/docs",
            "openapi": "/openapi.json",
            "ready": "/readyz",
            "incidents": incidents.ADDRESS,
        }
    )


async def docs(request: Request) -> Response:
    """The OpenAPI document as a page that needs nothing from elsewhere."""
    page = render_docs(request.app.openapi())
    return HTMLResponse(page, headers={"Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff"})

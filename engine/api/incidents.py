"""Incidents over REST: the list, a person's report, one with all that belongs to it, its timeline, its report."""

from __future__ import annotations

import asyncio
from typing import Annotated

import msgspec
from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from engine.api import queries
from engine.api.auth import Caller, documented
from engine.api.bodies import ReportBody
from engine.api.documents import refusals
from engine.api.parts import TheParts
from engine.api.views import IncidentDetail, IncidentPage, IncidentSummary, TimelinePage, detail, show
from engine.core.intake import AlertAction
from engine.core.model import ENGINE, Actor
from engine.ports import Declaration
from engine.report.render import MEDIA_TYPES, file_name, render
from engine.services import configs, reading, reports
from engine.services.access import on_behalf
from engine.services.declaring import declare

ADDRESS = "/api/v1/incidents"
HTML_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox"

router = APIRouter(prefix=ADDRESS, tags=["incidents"], dependencies=[documented])

IncidentId = Annotated[str, Path(alias="id", description="Like INC-42.", examples=["INC-42"])]


@router.get("", response_model=IncidentPage, responses=refusals(401, 422, 503))
async def list_incidents(parts: TheParts, caller: Caller, wanted: Annotated[queries.Incidents, Query()]) -> Response:
    """The newest first. Follow `next` until it is null. Of a sealed one to which the caller was not invited only the
    number, the priority, the state and the times are told."""
    page = await reading.listing(
        parts.context,
        caller,
        state=wanted.state,
        priority=wanted.priority,
        service=wanted.service,
        open_only=wanted.open,
        before=wanted.cursor,
        limit=wanted.limit,
    )
    items = tuple(IncidentSummary.model_validate(incident) for incident in page.items)
    return show(IncidentPage(items=items, next=queries.write_cursor(page.next) if page.next else None))


@router.post(
    "",
    status_code=201,
    response_model=IncidentDetail,
    responses={
        200: {"model": IncidentDetail, "description": "It joined the incident that is open already"},
        **refusals(400, 401, 403, 404, 413, 415, 422, 503, s404="No contact of the name given as `by`"),
    },
)
async def report_an_incident(parts: TheParts, caller: Caller, body: ReportBody) -> Response:
    """A person reports what no monitoring has noticed. It is classified and pages people as an alert would."""
    actor = await in_the_name_of(parts, caller, body.by)
    declaration = Declaration(title=body.title, summary=body.summary, service=body.service, priority=body.priority)
    outcome = await declare(parts.intake, declaration, actor)
    opened = outcome.action is AlertAction.OPENED
    reader = ENGINE if opened else actor  # what was just reported is no secret to the one who did
    view = detail(await reading.incident(parts.context, outcome.incident or "", reader))
    status = 201 if opened else 200
    return show(view, status, {"Location": f"{ADDRESS}/{view.id}"})


async def in_the_name_of(parts: TheParts, caller: Actor, contact: str | None) -> Actor:
    """Raises NotFound for a contact that nobody knows."""
    return on_behalf(caller, await configs.in_force(parts.context), contact) if contact else caller


@router.get("/{id}", response_model=IncidentDetail, responses=refusals(401, 403, 404, 503))
async def show_an_incident(parts: TheParts, caller: Caller, ref: IncidentId) -> Response:
    """One incident with its timers, alerts, ladder, messages, playbook steps and people."""
    view = await reading.incident(parts.context, ref, caller)
    return await asyncio.to_thread(lambda: show(detail(view)))  # it may have thousands of alerts


@router.get("/{id}/timeline", response_model=TimelinePage, responses=refusals(401, 403, 404, 422, 503))
async def show_the_timeline(
    parts: TheParts, caller: Caller, ref: IncidentId, wanted: Annotated[queries.Timeline, Query()]
) -> Response:
    """The record, the oldest line first. Each line carries the hash of the one before it."""
    lines = await reading.timeline(parts.context, ref, caller, after=wanted.cursor or 0, limit=wanted.limit + 1)
    items = [reading.event_json(line) for line in lines[: wanted.limit]]
    more = queries.write_cursor(lines[wanted.limit - 1].seq) if len(lines) > wanted.limit else None
    return Response(msgspec.json.encode({"items": items, "next": more}), media_type="application/json")


@router.get(
    "/{id}/report",
    response_class=Response,
    responses={
        200: {"content": {media: {} for media in MEDIA_TYPES.values()}, "description": "The report"},
        **refusals(401, 403, 404, 422, 500, 503),
    },
)
async def give_the_report(
    parts: TheParts, caller: Caller, ref: IncidentId, wanted: Annotated[queries.Report, Query()]
) -> Response:
    """The frozen report of a closed incident, else a draft of how things stand."""
    report = await reports.report(parts.context, ref, caller, wanted.zone)
    content = await asyncio.to_thread(render, report, wanted.format)
    name = file_name(report, wanted.format)
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Content-Security-Policy": HTML_POLICY}
    return Response(content, headers=headers, media_type=wanted.format.media_type)

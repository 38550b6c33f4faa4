"""Silences over REST: the list, a new one, one with what it has muted, its early end; and the maintenance windows."""

from __future__ import annotations

import hashlib
from typing import Annotated

from fastapi import APIRouter, Path, Query
from sqlalchemy import Connection
from starlette.responses import Response

from engine.api import queries
from engine.api.auth import Caller, documented
from engine.api.bodies import Body, SilenceBody, read_silence
from engine.api.commands import IdempotencyKey
from engine.api.documents import refusals
from engine.api.incidents import in_the_name_of
from engine.api.parts import Parts, TheParts
from engine.api.silence_views import (
    SilenceAnswer,
    SilenceDetail,
    SilencePage,
    SilenceView,
    WindowDetail,
    WindowList,
    silence_answer,
    silence_detail,
    silence_view,
    window_detail,
    window_view,
)
from engine.api.views import show
from engine.core.model import Actor
from engine.core.silences import NewSilence, Silence, silence_id
from engine.services import silences
from engine.services.answers import Kept, Question, once
from engine.services.silences import Ended

ADDRESS = "/api/v1/silences"
WINDOWS = "/api/v1/maintenance"
NO_CONTACT = "No contact of the name given as `by`"

router = APIRouter(tags=["silences"], dependencies=[documented])

SilenceId = Annotated[str, Path(alias="id", description="Like SIL-7.", examples=["SIL-7"])]


@router.get(ADDRESS, response_model=SilencePage, responses=refusals(401, 422, 503))
async def list_silences(parts: TheParts, wanted: Annotated[queries.Silences, Query()]) -> Response:
    """The newest first, those that are over too. Follow `next` until it is null."""
    page = await silences.listing(parts.context, live_only=wanted.live, before=wanted.cursor, limit=wanted.limit)
    items = tuple(silence_view(one) for one in page.items)
    return show(SilencePage(items=items, next=queries.write_cursor(page.next) if page.next else None))


@router.post(
    ADDRESS,
    status_code=201,
    response_model=SilenceView,
    responses=refusals(400, 401, 403, 404, 413, 415, 422, 503, s404=NO_CONTACT),
)
async def make_a_silence(
    parts: TheParts, caller: Caller, body: SilenceBody, idempotency_key: IdempotencyKey = None
) -> Response:
    """From its start to its end alerts that match open nothing and page nobody; their resolutions still count. Silences
    may be ended early, and are never deleted."""
    asked, actor = read_silence(body), await in_the_name_of(parts, caller, body.by)
    if idempotency_key is not None:
        return await _make_once(parts, _question(caller, idempotency_key, body.model_dump_json()), asked, actor)
    view = silence_view(await silences.add(parts.context, asked, actor))
    return show(view, 201, {"Location": f"{ADDRESS}/{view.id}"})


async def _make_once(parts: Parts, question: Question, asked: NewSilence, actor: Actor) -> Response:
    now = parts.context.clock.now()

    def work(connection: Connection) -> Silence:
        return silences.make(connection, asked, actor, now)

    def answer(made: Silence) -> tuple[int, str]:
        return 201, silence_view(silences.new(made, now)).model_dump_json()

    return _kept(await once(parts.context, question, work, answer, silences.tell_made, now))


@router.get(f"{ADDRESS}/{{id}}", response_model=SilenceDetail, responses=refusals(401, 404, 503))
async def show_a_silence(parts: TheParts, caller: Caller, ref: SilenceId) -> Response:
    """One silence with the alerts that it has muted; of one that is in a sealed incident, only who was invited there
    sees more than that there is one."""
    return show(silence_detail(await silences.show(parts.context, ref, caller)))


@router.post(
    f"{ADDRESS}/{{id}}/expire",
    response_model=SilenceAnswer,
    responses=refusals(400, 401, 403, 404, 409, 413, 415, 422, 503),
)
async def expire_a_silence(
    parts: TheParts, caller: Caller, ref: SilenceId, body: Body | None = None, idempotency_key: IdempotencyKey = None
) -> Response:
    """Ends it now. What it has muted pages again when its sender sends it again."""
    actor = await in_the_name_of(parts, caller, body.by if body else None)
    if idempotency_key is not None:
        asked = f"expire {silence_id(ref)} {actor}"
        return await _expire_once(parts, _question(caller, idempotency_key, asked), ref, actor)
    return show(silence_answer(await silences.expire(parts.context, ref, actor)))


async def _expire_once(parts: Parts, question: Question, ref: str, actor: Actor) -> Response:
    now = parts.context.clock.now()

    def work(connection: Connection) -> Ended:
        return silences.end(connection, ref, actor, now)

    def answer(ended: Ended) -> tuple[int, str]:
        return 200, silence_answer(ended).model_dump_json()

    def tell(ended: Ended) -> None:
        silences.tell_ended(ended, actor)

    return _kept(await once(parts.context, question, work, answer, tell, now))


@router.get(WINDOWS, response_model=WindowList, responses=refusals(401, 503))
async def list_windows(parts: TheParts) -> Response:
    """The maintenance windows of the configuration in force, in its order."""
    return show(WindowList(items=tuple(window_view(one) for one in await silences.windows(parts.context))))


@router.get(f"{WINDOWS}/{{name}}", response_model=WindowDetail, responses=refusals(401, 404, 503))
async def show_a_window(
    parts: TheParts,
    caller: Caller,
    name: Annotated[str, Path(description="Its name in tocsin.yaml.", examples=["backup"])],
) -> Response:
    """One maintenance window with the alerts that it has muted, as a silence shows them."""
    return show(window_detail(await silences.show_window(parts.context, name, caller)))


def _question(caller: Actor, key: str, asked: str) -> Question:
    return Question(caller=f"{caller.kind}:{caller.id}", key=key, request=hashlib.sha256(asked.encode()).hexdigest())


def _kept(kept: Kept) -> Response:
    headers = {"Idempotent-Replayed": "true"} if kept.repeated else None
    return Response(kept.body, kept.status, headers, "application/json")

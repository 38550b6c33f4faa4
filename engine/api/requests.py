"""Raw requests over REST: which have come, one as it came, and the same read anew."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from engine.api import queries
from engine.api.auth import Caller, documented
from engine.api.bodies import ReplayBody
from engine.api.documents import refusals
from engine.api.incidents import in_the_name_of
from engine.api.parts import TheParts
from engine.api.request_views import (
    ReplayAnswer,
    RequestDetail,
    RequestPage,
    replay_answer,
    request_detail,
    request_view,
)
from engine.api.views import show
from engine.services import kept

ADDRESS = "/api/v1/requests"

router = APIRouter(tags=["requests"], dependencies=[documented])

Number = Annotated[int, Path(ge=1, le=2**59, description="As the list has it.", examples=[7])]


@router.get(ADDRESS, response_model=RequestPage, responses=refusals(401, 422, 503))
async def list_requests(parts: TheParts, wanted: Annotated[queries.Requests, Query()]) -> Response:
    """The newest first, without headers and bodies. Follow `next` until it is null."""
    page = await kept.listing(
        parts.context,
        integration=wanted.integration,
        problems=wanted.problems,
        since=wanted.since,
        before=wanted.cursor,
        limit=wanted.limit,
    )
    items = tuple(request_view(one) for one in page.items)
    return show(RequestPage(items=items, next=queries.write_cursor(page.next) if page.next else None))


@router.get(f"{ADDRESS}/{{number}}", response_model=RequestDetail, responses=refusals(401, 403, 404, 422, 503))
async def show_a_request(parts: TheParts, caller: Caller, number: Number) -> Response:
    """One request with headers and body, without secrets, and what became of its alerts. For administrators: it may
    tell of incidents that are sealed."""
    return show(request_detail(await kept.show(parts.context, number, caller)))


@router.post(
    f"{ADDRESS}/{{number}}/replay",
    response_model=ReplayAnswer,
    responses=refusals(400, 401, 403, 404, 409, 413, 415, 422, 503),
)
async def replay_a_request(parts: TheParts, caller: Caller, number: Number, body: ReplayBody) -> Response:
    """Reads it with its integration's source and settings as they are now; no signature is checked again. On trial
    nothing is opened and nobody paged; in the engine all follows as if the sender had sent it once more, and it is on
    record that it was replayed, of which request, and by whom."""
    actor = await in_the_name_of(parts, caller, body.by)
    return show(replay_answer(await parts.replays.replay(number, body.into, actor)))

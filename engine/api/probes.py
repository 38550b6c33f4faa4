"""How the probes stand."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter
from starlette.responses import Response

from engine.api.auth import documented
from engine.api.documents import refusals
from engine.api.parts import TheParts
from engine.api.views import Ref, View, show
from engine.core.probing import ProbeState
from engine.services import probing
from engine.services.probing import Standing

router = APIRouter(prefix="/api/v1/probes", tags=["probes"], dependencies=[documented])


class ProbeView(View):
    """`state`: new (not run yet), well, failing (not believed yet), down, recovering (well, not believed yet)."""

    name: str
    title: str
    kind: str
    service: str | None
    state: ProbeState
    reason: str
    """What the last run has seen."""
    values: dict[str, float]
    """What it has measured, in seconds and percent."""
    every_s: int
    last_run_at: datetime | None
    failing_since: datetime | None
    down_since: datetime | None
    due_at: datetime
    """When it is run next."""
    incident: Ref | None


class ProbeList(View):
    items: tuple[ProbeView, ...]


@router.get("", response_model=ProbeList, responses=refusals(401, 422, 503))
async def list_probes(parts: TheParts) -> Response:
    """All that the engine looks at itself, in the order of the configuration."""
    found = await probing.standings(parts.context)
    return show(ProbeList(items=tuple(view(standing) for standing in found)))


def view(standing: Standing) -> ProbeView:
    probe, course, last = standing.probe, standing.course, standing.course.last
    return ProbeView(
        name=standing.name,
        title=probe.title or standing.name,
        kind=probe.kind,
        service=probe.service,
        state=course.state,
        reason=last.reason if last else "",
        values=dict(last.values) if last else {},
        every_s=int(probe.every.total_seconds()),
        last_run_at=last.at if last else None,
        failing_since=course.failing_since,
        down_since=course.firing_since,
        due_at=course.due_at,
        incident=standing.incident,
    )

"""Probes and metrics. None of them needs a token, and none of them tells a secret."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel
from starlette.responses import Response

from engine.api.documents import refusals
from engine.api.parts import Parts, TheParts
from engine.api.problems import problem
from engine.core.breaker import Standing
from engine.core.errors import TocsinError
from engine.services import health

ANSWER_WITHIN = 3.0
"""Seconds that the database has to answer a probe."""
TICK_WITHIN = timedelta(seconds=30)
"""The engine looks at least every second; a tick that is late by this much says that pages are."""

router = APIRouter(tags=["operations"])


class Alive(BaseModel):
    status: str = "alive"
    version: str


class Check(BaseModel):
    ok: bool
    detail: str


class Ready(BaseModel):
    """`channels` holds those that can't send, with what they lack; the engine goes on by the others. `answering` holds
    the ways by which people can't answer, with what those lack."""

    status: str = "ready"
    checks: Mapping[str, Check]
    channels: Mapping[str, str]
    answering: Mapping[str, str]


@router.get("/healthz", response_model=Alive)
async def is_it_alive(parts: TheParts) -> Alive:
    """The process answers."""
    return Alive(version=parts.context.version)


@router.get("/readyz", response_model=Ready, responses=refusals(503, s503="Not ready; `checks` says why"))
async def is_it_ready(parts: TheParts) -> Response:
    """The database answers, a configuration is in force, and the last tick is recent."""
    database, missing = await _database(parts)
    checks = {"database": database, "tick": _tick(parts)}
    ready = Ready(checks=checks, channels=missing, answering=parts.answering())
    if all(check.ok for check in checks.values()):
        return Response(ready.model_dump_json(), media_type="application/json")
    why = " ".join(check.detail for check in checks.values() if not check.ok)
    return problem(503, "not_ready", why, **ready.model_dump(exclude={"status"}))


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}, "description": "In Prometheus' text format"}},
)
async def show_metrics(parts: TheParts) -> Response:
    """For Prometheus."""
    metrics = parts.metrics
    await _measure(parts)
    return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)


async def _database(parts: Parts) -> tuple[Check, Mapping[str, str]]:
    try:
        async with asyncio.timeout(ANSWER_WITHIN):
            standing = await health.standing(parts.context)
    except TimeoutError:
        return Check(ok=False, detail=f"The database did not answer within {ANSWER_WITHIN:g} s."), {}
    except TocsinError as error:
        return Check(ok=False, detail=str(error)), {}
    return Check(ok=True, detail=f"Configuration revision {standing.revision} is in force."), standing.missing


def _tick(parts: Parts) -> Check:
    age = _tick_age(parts)
    if age is None:
        return Check(ok=False, detail="The engine has not looked at its timers yet.")
    seconds = f"{age.total_seconds():.1f} s ago"
    if age > TICK_WITHIN * max(parts.context.speed, 1):
        return Check(ok=False, detail=f"The last tick was {seconds}.")
    return Check(ok=True, detail=f"The last tick was {seconds}.")


def _tick_age(parts: Parts) -> timedelta | None:
    last = parts.ticker.last_tick
    return max(parts.context.clock.now() - last, timedelta()) if last else None


async def _measure(parts: Parts) -> None:
    """What is known only when it is asked for. Without the database the rest is still told."""
    age = _tick_age(parts)
    parts.metrics.last_tick.set(age.total_seconds() if age is not None else float("nan"))
    for channel, standing in parts.breakers().items():
        parts.metrics.providers_out.labels(channel).set(standing is not Standing.CLOSED)
    try:
        async with asyncio.timeout(ANSWER_WITHIN):
            backlog = await health.backlog(parts.context)
    except (TocsinError, TimeoutError):
        parts.metrics.waiting.set(float("nan"))
        parts.metrics.oldest.set(float("nan"))
        parts.metrics.oldest_page.set(float("nan"))
        return
    parts.metrics.waiting.set(backlog.messages)
    parts.metrics.oldest.set(backlog.oldest.total_seconds())
    parts.metrics.oldest_page.set(backlog.oldest_page.total_seconds())

"""What a PromQL query comes to, asked of a Prometheus or of what speaks like one.

prometheus.io/docs/prometheus/latest/querying/api/#instant-queries
"""

from __future__ import annotations

import math
from datetime import datetime
from enum import StrEnum
from http import HTTPStatus
from typing import Annotated, Any, Self

import aiohttp
import msgspec
from pydantic import BaseModel, Field, FiniteFloat, model_validator

from engine.core.probing import Finding
from integrations.channels.foreign import one_line
from integrations.probes.resolving import Resolver
from integrations.probes.web import Exchange, Target, ask
from integrations.probes.wording import explained

MOST_READ = 4 * 1024 * 1024
SHOWN = 120
QUERY = "api/v1/query"


class Empty(StrEnum):
    """What it means that no series is there."""

    FAILING = "failing"
    WELL = "well"


class Take(StrEnum):
    HIGHEST = "highest"
    LOWEST = "lowest"


class Settings(Target):
    """`url` is the base address, like http://prometheus.example.com:9090."""

    query: Annotated[str, Field(min_length=1, max_length=10_000)]
    """An instant query; a vector or a scalar comes of it."""
    above: FiniteFloat | None = None
    """It fails with anything greater."""
    below: FiniteFloat | None = None
    """It fails with anything less."""
    value: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=60)] | None = None
    """The name by which thresholds and classification know it, like error_rate_percent."""
    take: Take | None = None
    """Which of several series counts. Without it the lowest where there is only `below`, else the highest."""
    empty: Empty = Empty.FAILING
    """What no series at all means: failing, as of a metric that is gone; well, of a query that finds what is wrong."""

    @model_validator(mode="after")
    def _some_limit(self) -> Self:
        if self.above is None and self.below is None and self.value is None:
            raise ValueError(
                "nothing says what it may be; give `above` or `below`, or `value` for the documented thresholds"
            )
        return self

    @property
    def lowest(self) -> bool:
        return self.take is Take.LOWEST or (self.take is None and self.above is None and self.below is not None)


class Series(msgspec.Struct, frozen=True):
    value: tuple[float, str]
    metric: dict[str, str] = msgspec.field(default_factory=dict)


class Result(msgspec.Struct, frozen=True):
    kind: str = msgspec.field(name="resultType")
    result: msgspec.Raw


class Reply(msgspec.Struct, frozen=True):
    status: str
    data: Result | None = None
    error: str = ""


REPLY = msgspec.json.Decoder(Reply)
VECTOR = msgspec.json.Decoder(list[Series])
SCALAR = msgspec.json.Decoder(tuple[float, str])


class Prometheus:
    name = "prometheus"
    title = "PromQL query"
    settings: type[BaseModel] = Settings

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver

    async def run(self, settings: Settings, now: datetime) -> Finding:
        del now
        url, form = settings.address / QUERY, {"query": settings.query}
        try:
            answer = await ask(settings, self._resolver, "POST", url, most=MOST_READ, data=form)
        except (aiohttp.ClientError, OSError) as error:
            return Finding(ok=False, up=False, reason=f"{settings.place}: {explained(error)}")
        return read(settings, answer)


def read(settings: Settings, answer: Exchange) -> Finding:
    """Where the query itself is at fault, Prometheus is up."""
    place = settings.place
    try:
        reply = REPLY.decode(answer.body)
        series = _series(reply.data) if reply.data is not None and reply.status == "success" else None
    except ValueError:  # msgspec's own among them
        reason = f"{place}: it answered {answer.status}, and not as Prometheus does"
        return Finding(ok=False, up=False, reason=reason)
    if series is not None:
        return judge(settings, series)
    if reply.data is not None and not reply.error:
        kind = one_line(reply.data.kind, SHOWN)
        return Finding(ok=False, reason=f"{place}: the query gives a {kind}; a vector or a scalar is needed")
    said = one_line(reply.error, SHOWN) or answer.status
    up = answer.status < HTTPStatus.INTERNAL_SERVER_ERROR
    return Finding(ok=False, up=up, reason=f"{place}: it refuses the query: {said}")


def _series(data: Result) -> list[tuple[float, str]] | None:
    """Value and labels of each series that is a number; None for a result of another kind. Raises ValueError."""
    found: list[tuple[str, dict[str, str]]]
    match data.kind:
        case "scalar":
            found = [(SCALAR.decode(data.result)[1], {})]
        case "vector":
            found = [(one.value[1], one.metric) for one in VECTOR.decode(data.result)]
        case _:
            return None
    numbers = ((float(value), _spell(metric)) for value, metric in found)
    return [(number, where) for number, where in numbers if not math.isnan(number)]


def _spell(metric: dict[str, Any]) -> str:
    labels = ", ".join(f'{name}="{value}"' for name, value in sorted(metric.items()) if name != "__name__")
    return one_line(f"{{{labels}}}", SHOWN) if labels else ""


def judge(settings: Settings, series: list[tuple[float, str]]) -> Finding:
    """By the series that counts."""
    if not series:
        return Finding(ok=settings.empty is Empty.WELL, reason="the query finds nothing")
    number, where = (min if settings.lowest else max)(series)
    values = {settings.value or "query_value": number} if math.isfinite(number) else {}
    shown = f"{number:.10g}" + (f" of {where}" if where else "")
    if settings.above is not None and number > settings.above:
        return Finding(ok=False, reason=f"{shown} is above {settings.above:.10g}", values=values)
    if settings.below is not None and number < settings.below:
        return Finding(ok=False, reason=f"{shown} is below {settings.below:.10g}", values=values)
    return Finding(ok=True, reason=f"it is {shown}", values=values)

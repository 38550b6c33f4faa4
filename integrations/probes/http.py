"""Whether a web address answers as it should, how fast, and for how long its certificate is good."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Literal

import aiohttp
from pydantic import BaseModel, BeforeValidator, Field, field_validator

from engine.core.probing import Finding
from integrations.probes.resolving import Resolver
from integrations.probes.web import Exchange, Target, ask
from integrations.probes.wording import explained

MOST_READ = 64 * 1024
STATUS = r"^[1-5]\d\d(-[1-5]\d\d)?$"


def as_list(value: object) -> object:
    """One status may stand for itself, and be a number."""
    values = value if isinstance(value, list | tuple) else [value]
    return [str(one) if isinstance(one, int) and not isinstance(one, bool) else one for one in values]


class Settings(Target):
    """What is asked, and what the answer has to be."""

    method: Literal["GET", "HEAD"] = "GET"
    status: Annotated[
        tuple[Annotated[str, Field(pattern=STATUS)], ...], BeforeValidator(as_list), Field(min_length=1)
    ] = ("200-299",)
    """The status codes that are in order, like 204 or 200-299."""
    contains: Annotated[str, Field(min_length=1)] | None = None
    """Text that has to be within the first 64 KiB of the body."""
    matches: Annotated[str, Field(min_length=1)] | None = None
    """A regular expression (Python's) that has to be found there."""
    certificate_days: Annotated[float, Field(ge=0)] = 7
    """The certificate has to be good for so many days more; 0 does not look."""
    follow_redirects: bool = False
    """Follow up to five, and look at the last answer."""

    @field_validator("matches")
    @classmethod
    def _is_expression(cls, text: str | None) -> str | None:
        try:
            re.compile(text or "")
        except re.error as error:
            raise ValueError(f"it is not a regular expression: {error}; test it with Python's re") from error
        return text

    def allows(self, status: int) -> bool:
        spans = (one.partition("-") for one in self.status)
        return any(int(low) <= status <= int(high or low) for low, _, high in spans)


class Http:
    name = "http"
    title = "HTTP request"
    settings: type[BaseModel] = Settings

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver

    async def run(self, settings: Settings, now: datetime) -> Finding:
        place = settings.place
        try:
            answer = await ask(
                settings,
                self._resolver,
                settings.method,
                settings.address,
                most=MOST_READ,
                follow=settings.follow_redirects,
            )
        except (aiohttp.ClientError, OSError) as error:
            return Finding(ok=False, up=False, reason=f"{place}: {explained(error)}")
        days = answer.days_left(now)
        values = {"response_time_seconds": answer.seconds}
        if days is not None:
            values["certificate_days"] = round(days, 2)
        for wrong in _wrong(settings, answer):
            return Finding(ok=False, up=False, reason=f"{place}: {wrong}", values=values)
        if days is not None and days < settings.certificate_days:
            return Finding(ok=False, reason=f"{place}: its certificate ends in {days:.1f} days", values=values)
        return Finding(ok=True, reason=f"{place} answered {answer.status}", values=values)


def _wrong(settings: Settings, answer: Exchange) -> Iterator[str]:
    if not settings.allows(answer.status):
        yield f"it answered {answer.status}, not {' or '.join(settings.status)}"
    if settings.contains is None and settings.matches is None:
        return
    text = answer.body.decode(_known(answer.charset), "replace")
    if settings.contains is not None and settings.contains not in text:
        yield "its answer does not hold the text that it should"
    if settings.matches is not None and re.search(settings.matches, text) is None:
        yield "its answer does not match the expression that it should"


def _known(charset: str | None) -> str:
    try:
        return codecs.lookup(charset or "utf-8").name
    except LookupError:
        return "utf-8"

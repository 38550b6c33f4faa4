"""`/report/{key}`: the form on which people report who have no token. It is made for people: refusals are pages too."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from urllib.parse import urlsplit

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from engine.api.limits import read_plain
from engine.api.parts import Parts
from engine.api.problems import code_of, tell
from engine.api.reportform import (
    Pages,
    Report,
    Told,
    Typed,
    read_report,
    read_typed,
    services_of,
    told,
)
from engine.core.errors import NotFound, Overloaded, Unauthorized
from engine.core.intake import AlertAction
from engine.core.model import ENGINE
from engine.core.policy import Config
from engine.core.reportpage import ReportPage, admit
from engine.services import reading
from engine.services.arrivals import Outcome
from engine.services.declaring import declare_on_page, reporter

ADDRESS = "/report/{key}"
LIMIT = 64 * 1024
"""Bytes. The longest report is some 4,400 characters, and one takes up to 12 bytes in a form."""
FORM = "application/x-www-form-urlencoded"
ELSEWHERE = "This came from a page of another site, so it was not taken. Open the form itself and send it from there."
AWAY = "Your report could not be stored just now. What you wrote is still here: please send it again in a moment."
UNREAD = {
    413: "This is too long to be taken. Please go back, shorten it, and send it again.",
    415: "This is not what the form sends. Please open the form and send it from there.",
}


def add_report_page(api: FastAPI, parts: Parts) -> None:
    desk = ReportDesk(parts)
    api.add_api_route(ADDRESS, desk.show, methods=["GET", "HEAD"], include_in_schema=False)
    api.add_api_route(ADDRESS, desk.take, methods=["POST"], include_in_schema=False)


class ReportDesk:
    """Takes reports, so many in a minute and no more."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._pages = Pages()
        self._taken: Sequence[datetime] = ()

    async def show(self, request: Request) -> Response:
        """The empty form."""
        try:
            config, page = await self._open(request)
        except Overloaded as error:
            return self._away(request, Typed(), error)
        return self._pages.form(page, services_of(config), Typed())

    async def take(self, request: Request) -> Response:
        """201 once the report, its incident and its pages are durable."""
        try:
            config, page = await self._open(request)
        except Overloaded as error:  # whose key it is can't be told; what was typed is given back all the same
            return self._away(request, await _read(request), error)
        if not self._is_from_here(request):
            return self._refuse(request, page, 403, "foreign_origin", ELSEWHERE)
        try:
            typed = await _read(request)
        except HTTPException as error:
            return self._refuse(request, page, error.status_code, code_of(error), UNREAD[error.status_code])
        try:
            return await self._consider(request, config, page, typed)
        except Overloaded as error:
            return self._away(request, typed, error, config)

    async def _open(self, request: Request) -> tuple[Config, ReportPage]:
        """Raises HTTPException as at any address where there is nothing, and Overloaded."""
        try:
            config = await self._parts.keys.find_report_page(request.path_params["key"])
        except (NotFound, Unauthorized) as error:
            raise HTTPException(404) from error
        if config.report_page is None:
            raise HTTPException(404)
        return config, config.report_page

    def _is_from_here(self, request: Request) -> bool:
        """By the host alone: behind a proxy, scheme and port are often others here than for the browser."""
        origin = request.headers.get("origin")
        if origin is None:
            return True
        own = {_host(f"//{request.headers.get('host', '')}"), _host(self._parts.context.base_url)}
        return _host(origin) in own - {None}

    async def _consider(self, request: Request, config: Config, page: ReportPage, typed: Typed) -> Response:
        services = services_of(config)
        report = read_report(typed, services)
        if not isinstance(report, Report):
            tell(request, 422, "invalid")
            return self._pages.form(page, services, typed, status=422, errors=report)
        admission = admit(self._taken, page.per_minute, self._parts.context.clock.now())
        self._taken = admission.taken
        if admission.wait is not None:
            seconds = max(1, math.ceil(admission.wait.total_seconds()))
            tell(request, 429, "too_many")
            trouble = f"Many reports have come in this minute. Please send yours again in {_seconds(seconds)}."
            return self._pages.form(page, services, typed, status=429, trouble=trouble, retry_after=seconds)
        outcome = await declare_on_page(
            self._parts.context, self._parts.intake, report.declaration, reporter(report.name)
        )
        return self._pages.done(page, await self._tell(config, outcome))

    async def _tell(self, config: Config, outcome: Outcome) -> Told:
        """What is taken is taken: that no more can be read just now is no failure of the report."""
        if outcome.incident is None:
            return Told()
        try:
            view = await reading.incident(self._parts.context, outcome.incident, ENGINE)
        except Overloaded:
            return Told()
        levels = {level.number: level.title for level in config.levels.values()}
        return told(view, opened=outcome.action is AlertAction.OPENED, levels=levels)

    def _refuse(self, request: Request, page: ReportPage, status: int, code: str, sentence: str) -> Response:
        tell(request, status, code)
        return self._pages.refused(page, status, sentence)

    def _away(self, request: Request, typed: Typed, error: Overloaded, config: Config | None = None) -> Response:
        tell(request, 503, code_of(error))
        page = (config.report_page if config else None) or ReportPage()
        services = services_of(config) if config else {typed.service: typed.service} if typed.service else {}
        return self._pages.form(page, services, typed, status=503, trouble=AWAY, retry_after=error.retry_after)


async def _read(request: Request) -> Typed:
    """Raises HTTPException 413 and 415."""
    headers, body = await read_plain(request, LIMIT)
    if headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise HTTPException(415)
    try:
        return read_typed(body)
    except ValueError as error:
        raise HTTPException(415) from error


def _host(address: str) -> str | None:
    try:
        return urlsplit(address).hostname
    except ValueError:
        return None


def _seconds(count: int) -> str:
    return "a second" if count == 1 else f"{count} seconds"

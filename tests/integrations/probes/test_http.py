"""What an HTTP probe makes of an answer, over real connections, with and without TLS."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from pydantic import ValidationError

from engine.clock import utc_now
from engine.core.probing import Finding
from integrations.probes.http import MOST_READ, Settings
from integrations.registry import PROBES
from tests.integrations.probes.servers import LOOPBACK, answer, certificate, serving, web_server

NOW = datetime(2026, 11, 21, 3, 10, tzinfo=UTC)


async def look(url: str, now: datetime = NOW, **given: Any) -> Finding:
    return await PROBES["http"].run(Settings.model_validate({"url": url, **given}), now)


PAGES: dict[str, Callable[[], web.Response]] = {
    "/well": lambda: web.Response(text="all is well"),
    "/latin": lambda: web.Response(body="größe".encode("latin-1"), headers=kind("latin-1")),
    "/odd": lambda: web.Response(body=b"well", headers=kind("klingon")),
    "/late": lambda: web.Response(text="x" * MOST_READ + "well"),
    "/moved": lambda: web.Response(status=302, headers={"Location": "/well"}),
    "/round": lambda: web.Response(status=302, headers={"Location": "/round"}),
}


def kind(charset: str) -> dict[str, str]:
    return {"Content-Type": f"text/plain; charset={charset}"}


async def pages(request: web.Request) -> web.StreamResponse:
    if request.path == "/endless":
        return await endless(request)
    if request.path == "/token":
        return web.Response(status=200 if request.headers.get("Authorization") == "Bearer let-me-in" else 401)
    page = PAGES.get(request.path)
    return page() if page else web.Response(status=404)


async def endless(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b"x" * 4096)


@pytest.fixture
async def site() -> AsyncIterator[str]:
    async with web_server(pages) as port:
        yield f"http://{LOOPBACK}:{port}"


ANSWERS: dict[str, tuple[str, dict[str, Any], str]] = {
    "a success": ("/well", {}, ""),
    "a code that is not in order": ("/none", {}, "it answered 404, not 200-299"),
    "a code that is": ("/none", {"status": 404}, ""),
    "one of several": ("/none", {"status": ["200-299", "404"]}, ""),
    "none of several": ("/none", {"status": ["200-299", "403"]}, "it answered 404, not 200-299 or 403"),
    "its text": ("/well", {"contains": "all is"}, ""),
    "another text": ("/well", {"contains": "all are"}, "does not hold the text"),
    "an expression": ("/well", {"matches": r"all .{2} well$"}, ""),
    "another expression": ("/well", {"matches": r"^well"}, "does not match the expression"),
    "text in its own encoding": ("/latin", {"contains": "größe"}, ""),
    "text in an encoding that nobody knows": ("/odd", {"contains": "well"}, ""),
    "text beyond what is read": ("/late", {"contains": "well"}, "does not hold the text"),
    "a body without end": ("/endless", {"contains": "xxx"}, ""),
    "no body": ("/well", {"method": "HEAD"}, ""),
    "a redirect": ("/moved", {}, "it answered 302"),
    "a redirect that is followed": ("/moved", {"follow_redirects": True, "contains": "well"}, ""),
    "redirects without end": ("/round", {"follow_redirects": True}, "it redirects without end"),
    "its token": ("/token", {"token": "let-me-in"}, ""),
    "without its token": ("/token", {}, "it answered 401"),
}


@pytest.mark.parametrize(("path", "given", "wrong"), ANSWERS.values(), ids=ANSWERS)
async def test_an_answer_is_held_against_what_it_should_be(
    site: str, path: str, given: dict[str, Any], wrong: str
) -> None:
    async with asyncio.timeout(10):
        finding = await look(f"{site}{path}", **given)
    assert finding.ok is (wrong == ""), finding
    assert finding.up is finding.ok
    assert wrong in finding.reason
    assert path not in finding.reason


async def test_the_time_counts_to_the_end_of_the_answer(site: str) -> None:
    begun = asyncio.get_running_loop().time()
    finding = await look(f"{site}/well")
    assert 0 < finding.values["response_time_seconds"] <= asyncio.get_running_loop().time() - begun


@asynccontextmanager
async def secure(folder: Path, days: int) -> AsyncIterator[tuple[int, Path]]:
    """The port of a server whose certificate is good for so many days more, and that certificate."""
    path = await certificate(folder, days=days)
    async with web_server(answer, tls=serving(path)) as port:
        yield port, path


async def test_a_certificate_is_good_for_so_many_days_more_or_told(tmp_path: Path) -> None:
    async with secure(tmp_path, 30) as (port, ca):
        url, now = f"https://localhost:{port}/", utc_now()
        well = await look(url, now, ca=str(ca))
        assert well.ok, well
        assert well.values["certificate_days"] == pytest.approx(30, abs=0.01)
        assert (await look(url, now + timedelta(days=22.9), ca=str(ca))).ok
        late = await look(url, now + timedelta(days=23.1), ca=str(ca))
        assert (late.ok, late.up) == (False, True)
        assert "its certificate ends in 6.9 days" in late.reason
        assert (await look(url, now + timedelta(days=29), ca=str(ca), certificate_days=0)).ok


async def test_a_certificate_that_is_not_trusted_or_not_its_own_is_a_failure(tmp_path: Path) -> None:
    async with secure(tmp_path, 30) as (port, ca):
        stranger = await look(f"https://localhost:{port}/", utc_now())
        assert (stranger.ok, stranger.up) == (False, False)
        assert "its certificate is not valid: self-signed certificate" in stranger.reason
        elsewhere = await look(f"https://127.0.0.2:{port}/", utc_now(), ca=str(ca))
        assert not elsewhere.ok
        assert (await look(f"https://localhost:{port}/", utc_now(), verify=False)).ok


async def test_what_speaks_no_tls_is_a_failure(site: str) -> None:
    finding = await look(site.replace("http:", "https:"))
    assert not finding.ok
    assert "TLS" in finding.reason


async def test_a_file_of_certificates_that_is_not_there_is_a_failure_and_no_error(site: str) -> None:
    finding = await look(site.replace("http:", "https:"), ca="/nowhere/ca.pem")
    assert (finding.ok, finding.up) == (False, False)


WRONG: dict[str, dict[str, Any]] = {
    "no address": {"url": "shop.example.com"},
    "another scheme": {"url": "ftp://shop.example.com"},
    "no status": {"status": []},
    "a status that is none": {"status": "2xx"},
    "an expression that is none": {"matches": "("},
    "a header that would be two": {"headers": {"X-A": "a\r\nX-B: b"}},
    "a header without a name": {"headers": {"": "a"}},
    "two proofs of identity": {"url": "https://ann:secret@shop.example.com", "token": "secret"},
}


@pytest.mark.parametrize("given", WRONG.values(), ids=WRONG)
def test_settings_that_could_never_be_well_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as raised:
        Settings.model_validate({"url": "https://shop.example.com", **given})
    assert "secret" not in str(raised.value)

"""The report page in a real browser: filled in, faulty and done, on a desk and on a phone, by day and by night."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from tests.api.reporting import Desk, open_desk
from tests.browser.chrome import PATIENCE, Tab, chrome

PHONE = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}
DESK = {"width": 900, "height": 1150, "deviceScaleFactor": 1, "mobile": False}
WORDS = "Since nine nobody can pay. The page says “Service unavailable”. I tried two cards."
FILL = """for (const [name, value] of Object.entries({values}))
    document.querySelector(`[name=${{name}}]`).value = value;"""


@pytest.fixture
async def desk(sqlite_url: str, tmp_path: Path) -> AsyncIterator[Desk]:
    async with open_desk(sqlite_url, tmp_path) as desk:
        yield desk


async def looks(tab: Tab, screen: Mapping[str, object], scheme: str) -> None:
    await tab.ask("Emulation.setDeviceMetricsOverride", **screen)
    await tab.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])


async def opened(tab: Tab, url: str) -> None:
    await tab.open(url)
    await tab.run("new Promise((done) => document.readyState === 'complete' ? done() : addEventListener('load', done))")


async def fill(tab: Tab, **values: str) -> None:
    await tab.run(FILL.format(values=values))


async def pictures(tab: Tab, name: str) -> None:
    """In every look; nothing is wider than the screen."""
    for screen, size in (("desk", DESK), ("phone", PHONE)):
        for scheme in ("light", "dark"):
            await looks(tab, size, scheme)
            assert await tab.run("document.documentElement.scrollWidth <= innerWidth"), (screen, scheme)
            assert (await tab.picture(f"report-{name}-{screen}-{scheme}")).startswith(b"\x89PNG")


async def sent(tab: Tab) -> None:
    """The form as it is, past what the browser itself would ask for; returns once the answer is there."""
    await tab.run("document.querySelector('form').noValidate = true; window.old = true")
    await tab.run("document.querySelector('button').click()")
    async with asyncio.timeout(PATIENCE):
        while await tab.run("window.old || document.readyState !== 'complete'"):
            pass


async def test_a_person_without_a_token_reports_and_sees_who_is_paged(desk: Desk, tmp_path: Path) -> None:
    async with chrome(tmp_path) as tab:
        await opened(tab, desk.url + desk.path)
        assert await tab.run("getComputedStyle(document.querySelector('button')).borderRadius") != "0px"
        await pictures(tab, "empty")
        await fill(tab, title="Nobody can pay in the shop", summary=WORDS, service="checkout", name="Mia Berg")
        await tab.run("document.querySelector('[value=P0]').click()")
        await pictures(tab, "filled")
        await sent(tab)
        await tab.says("INC-1 is open.")
        await tab.says("Operations lead (example)")
        await pictures(tab, "done")
        assert tab.errors == []
    assert (await desk.view()).incident.summary == WORDS


async def test_faults_are_shown_at_their_fields_and_the_first_has_the_focus(desk: Desk, tmp_path: Path) -> None:
    async with chrome(tmp_path) as tab:
        await opened(tab, desk.url + desk.path)
        await fill(tab, title="x" * 301, summary=WORDS, service="people", name="")
        await sent(tab)
        await tab.says("Give your name, so that people know whom to ask.")
        assert await tab.run("document.activeElement.id") == "title"
        assert await tab.run("document.querySelector('#summary').value") == WORDS
        assert await tab.run("document.querySelector('#service').value") == "people"
        await tab.run("scrollTo(0, 0)")
        await pictures(tab, "errors")
        await fill(tab, title="Nobody can sign in", name="Mia Berg")
        await sent(tab)
        await tab.says("INC-1 is open.")
        await opened(tab, desk.url + desk.path)
        await fill(
            tab, title="Nobody can sign in", summary="Not even with a new password.", service="people", name="Ben"
        )
        await sent(tab)
        await tab.says("INC-1 was open already and has your report now.")
        await pictures(tab, "joined")
    assert [reason for _, reason in await desk.notes()] == ["Ben reports this too: Not even with a new password."]


async def test_the_keyboard_goes_through_the_fields_in_their_order(desk: Desk, tmp_path: Path) -> None:
    async with chrome(tmp_path) as tab:
        await opened(tab, desk.url + desk.path)
        met = []
        for _ in range(6):
            for kind in ("keyDown", "keyUp"):
                await tab.ask("Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", windowsVirtualKeyCode=9)
            met.append(await tab.run("document.activeElement.name || document.activeElement.type"))
        assert met == ["title", "summary", "service", "priority", "name", "submit"]
